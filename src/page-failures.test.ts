import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

// That nothing fails or waits unseen on the web page: whatever it does shows there that it is under way, and why it failed. Read off its source, as flows that fail
// are too many to be tried one by one.

const ROOT = join(import.meta.dirname, 'gui')
const SOURCES = globSync('**/*.{ts,tsx}', { cwd: ROOT })
  .filter(file => !file.includes('.test.'))
  .map(file => ({ file, text: readFileSync(join(ROOT, file), 'utf8') }))
/** Hooks of the page that make an action for others. */
const HOOKS = [
  'useMutation',
  ...SOURCES.flatMap(({ text }) =>
    [...text.matchAll(/function (use\w+)\([^{]*\{(?:(?!\n\}).)*?return useMutation\(/gs)].map(
      ([, name]) => name,
    ),
  ),
]

test('every action of the page shows where it is why it failed', () => {
  const silent = SOURCES.flatMap(({ file, text }) =>
    [...text.matchAll(new RegExp(`const (\\w+) = (?:${HOOKS.join('|')})\\(`, 'g'))]
      .map(([, name = '']) => name)
      .filter(name => !isShown(name, text))
      .map(name => `${file}: ${name}`),
  )
  assert.deepEqual(silent, [], 'give its error to a Failure beside it, or to what shows one')
})

test('every action of the page shows while it is under way', () => {
  const still = SOURCES.flatMap(({ file, text }) =>
    [...text.matchAll(new RegExp(`const (\\w+) = (?:${HOOKS.join('|')})\\(`, 'g'))]
      .map(([, name = '']) => name)
      .filter(name => !text.includes(`step={${name}}`) && !isRead(name, 'isPending', text))
      .map(name => `${file}: ${name}`),
  )
  assert.deepEqual(still, [], 'give its isPending to what begins it, or to a Progress beside it')
})

test('every answer that the page asks for shows why it is not there', () => {
  const silent = SOURCES.flatMap(({ file, text }) =>
    [...text.matchAll(/const (?:(\w+)|\{([^}]*)\}) = useQuery\(/g)]
      .filter(([, name, parts]) =>
        name === undefined ? !/\berror\b/.test(parts ?? '') : !isShown(name, text),
      )
      .map(([, name, parts]) => `${file}: ${name ?? parts?.trim()}`),
  )
  const byFile = Map.groupBy(silent, one => one.split(':')[0] ?? '')
  const counts = Object.fromEntries([...byFile].map(([file, all]) => [file, all.length]))
  assert.deepEqual(counts, HELPS, 'show it with Loaded, or its error; of what only helps, count it here')
})

test('no failure is dropped on the way', () => {
  const dropped = SOURCES.flatMap(({ file, text }) =>
    [...text.matchAll(/\bvoid call\(|\.catch\(\(\) => (?:\{\}|undefined)\)/g)].map(() => file),
  )
  assert.deepEqual(
    dropped.filter(file => !(file in DROPPED)),
    [],
  )
})

/** Its error is read, or it is given whole to something of the page that reads it. */
function isShown(name: string, text: string): boolean {
  return new RegExp(`query=\\{${name}\\}|step=\\{${name}\\}`).test(text) || isRead(name, 'error', text)
}

function isRead(name: string, property: string, text: string): boolean {
  if (new RegExp(`\\b${name}\\.${property}\\b`).test(text)) return true
  const given = [...text.matchAll(new RegExp(`\\b(\\w+)=\\{${name}\\}`, 'g'))].map(([, prop]) => prop)
  return SOURCES.some(other => given.some(prop => new RegExp(`\\b${prop}\\.${property}\\b`).test(other.text)))
}

/** Answers that help beside others, by file: what is offered where one could type, names beside ids. They are left out where they fail. */
const HELPS: Readonly<Record<string, number>> = {
  'tunnels/tunnel-actions.tsx': 2,
  'tunnels/outbound-form.tsx': 3,
  'tunnels/tunnel-edit.tsx': 1,
  'tunnels/tunnel-ends.tsx': 2,
  'tunnels/tunnel-form.tsx': 2,
  'terminal/session-list.tsx': 1,
  'terminal/terminal-settings.tsx': 2,
  'script/script-grants.tsx': 3,
  'script/use-online-endpoints.ts': 3,
  'proxy/proxy-exit.tsx': 2,
  'proxy/proxy-rules.tsx': 3,
  'parts/page-frame.tsx': 1,
  'pages/certificates-section.tsx': 1,
  'pages/hubs-page.tsx': 2,
  'pages/join-page.tsx': 1,
  'pages/log-page.tsx': 1,
  'pages/map-page.tsx': 4,
  'pages/reach-page.tsx': 1,
  'pages/start-page.tsx': 1,
  'network/endpoint-choice.tsx': 1,
  'files/access-fields.tsx': 2,
  'files/folder-browser.tsx': 1,
  'files/grants-section.tsx': 2,
  'files/item-forms.tsx': 1,
  'files/mirrors-section.tsx': 2,
  'files/shared-files.tsx': 1,
  'files/transfers-section.tsx': 1,
  'files/upload-form.tsx': 1,
  'controller/config-field.tsx': 1,
  'controller/roles-input.tsx': 1,
  'controller/usage-section.tsx': 1,
  'apps/use-apps-place.ts': 2,
  'apps/app-releases.tsx': 1,
  'apps/install-dialog.tsx': 2,
  'apps/publish-form.tsx': 1,
}

/** Why nobody need hear of it. */
const DROPPED: Readonly<Record<string, string>> = {
  'api/call.ts': 'an answer that is no JSON is a failure of its own',
  'api/files-queries.ts': 'an answer that is no JSON is a failure of its own',
  'controller/entity-form.tsx': 'what was asked for is made; its token can be shown from the list',
  'main.tsx': 'without a service worker the page does all else',
  'files/folder-browser.tsx': 'its failure is among the transfers',
  'files/upload-queue.ts': 'what is dropped there ends by itself',
  'tunnels/tunnel-form.tsx': 'the failure before it is the one that is shown',
}
