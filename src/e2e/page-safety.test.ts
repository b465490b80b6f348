import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, chown, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { Page } from 'playwright-core'
import { settled, startBrowser } from '../testing/browser.ts'
import { openSection } from '../testing/controller-page.ts'
import { WHAT_HARMS } from '../testing/hostile-answers.ts'
import { startPage } from '../testing/page.ts'
import { createPageMesh, type PageMesh, waitForHeading } from '../testing/page-visit.ts'
import { freePort, type ProcessMesh } from '../testing/process-mesh.ts'
import { makeScratchFolder } from '../testing/scratch-folder.ts'

const OTHER_UID = 65_534
const mayBecomeOther = process.platform === 'linux' && process.getuid?.() === 0
const asOther = { skip: !mayBecomeOther && 'only root on Linux can act as another user of the computer' }

let home: PageMesh
let mesh: ProcessMesh

before(async () => {
  home = await createPageMesh()
  mesh = home.mesh
})
after(() => home[Symbol.asyncDispose]())

const HOSTILE = ['<img src=x onerror=alert(1)>', '\u202egnp.exe', 'x'.repeat(120)]
const ATTACKS = `async ({ page, socket }) => {
  const frame = document.createElement('iframe')
  frame.src = page
  document.body.append(frame)
  await new Promise(resolve => frame.addEventListener('load', resolve))
  const asked = async (method, path, options = {}) =>
    fetch(page + path, { method, credentials: 'include', ...options }).then(() => 'read', () => 'refused')
  const opened = protocols => new Promise(resolve => {
    const one = new WebSocket(socket, protocols)
    one.onopen = () => resolve('opened')
    one.onerror = () => resolve('refused')
  })
  let inner
  try {
    inner = frame.contentWindow.document.body.textContent
  } catch {
    inner = 'hidden'
  }
  return {
    inner,
    frame: frame.contentWindow.length,
    read: await asked('GET', '/api/meshes'),
    stop: await asked('POST', '/api/stop'),
    plain: await asked('POST', '/api/stop', { body: '{}', headers: { 'content-type': 'text/plain' }, mode: 'cors' }),
    socket: await opened(['ztm-stream']),
    keyed: await opened(['ztm-stream', 'ztm-key.' + 'A'.repeat(43)]),
  }
}`

test('names of strangers are shown harmlessly, wherever they stand', async t => {
  const roles = (name: string) => [`#${name}`]
  const declared = {
    identities: HOSTILE.map(name => ({ name, roleAttributes: [name] })),
    policies: HOSTILE.map(name => ({
      name,
      type: 'Dial',
      identityRoles: roles(name),
      serviceRoles: roles(name),
    })),
    // A service is not called by what cannot be seen.
    services: [{ name: HOSTILE[0], roleAttributes: HOSTILE }],
  }
  using scratch = makeScratchFolder()
  await writeFile(scratch.file('hostile.yaml'), JSON.stringify(declared))
  await mesh.run('home', 'apply', '-f', scratch.file('hostile.yaml'))
  const page = await home.visit(t)
  for (const title of ['Identities', 'Services', 'Service policies']) {
    await openSection(page, title)
    const table = page.getByRole('table', { name: title })
    await table.getByText('<img src=x onerror=alert(1)>').first().waitFor()
    await table.getByRole('link', { name: '<img src=x onerror=alert(1)>' }).first().click()
    await page.getByRole('heading', { level: 1, name: '<img src=x onerror=alert(1)>' }).waitFor()
    await settled(page)
    assert.equal(await page.locator('main img').count(), 0)
    assert.equal(await page.locator('main').getByText('\u202e').count(), 0)
    assert.deepEqual(await page.evaluate(WHAT_HARMS), [], title)
  }
})

test('a page of another site reads, writes, frames and opens nothing, nor does a name made to point here', async t => {
  await using elsewhere = await startPage('<title>elsewhere</title>')
  const own = await home.visit(t)
  await waitForHeading(own, 'Overview')
  // In the same browser, so that the cookie of the login is there.
  const page = await own.context().newPage()
  const socket = `${home.url.replace('http', 'ws')}/api/meshes/home/apps/ztm/terminal/stream`
  for (const at of [elsewhere.at, elsewhere.at.replace('127.0.0.1', 'localhost')]) {
    await page.goto(`http://${at}/`)
    assert.deepEqual(await page.evaluate(`(${ATTACKS})(${JSON.stringify({ page: home.url, socket })})`), {
      inner: 'hidden',
      frame: 0,
      read: 'refused',
      stop: 'refused',
      plain: 'refused',
      socket: 'refused',
      keyed: 'refused',
    })
  }
  await own.reload()
  await waitForHeading(own, 'Overview')

  await using fooled = await startBrowser(['--host-resolver-rules=MAP evil.test 127.0.0.1'])
  const rebound = await fooled.newPage()
  const answer = await rebound.goto(home.url.replace('localhost', 'evil.test'))
  assert.deepEqual([answer?.status(), /"wrong-origin"/.test((await answer?.text()) ?? '')], [403, true])
})

test('another user of the computer gets nothing with a stolen login', asOther, async t => {
  const page = await home.visit(t)
  await waitForHeading(page, 'Overview')
  const stolen = await loginOf(page)
  const url = `${home.url}/api/meshes`
  assert.equal(await askAs(process.getuid?.(), url, stolen), '200')
  assert.equal(await askAs(OTHER_UID, url, stolen), '401 not-logged-in')
  // The document gives no key to them either, whatever cookie they show.
  assert.equal(await askAs(OTHER_UID, `${home.url}/`, { ...stolen, accept: 'text/html' }), '200 no key')
})

test('another user of the computer gets nothing with a stolen token', asOther, async () => {
  await using victims = await startVictim()
  const { url, token } = victims
  const bearer = { authorization: `Bearer ${token}` }
  assert.equal(await askAs(OTHER_UID, `${url}/api/meshes`, bearer), '200')
  assert.equal(await askAs(OTHER_UID - 1, `${url}/api/meshes`, bearer), '401 not-logged-in')
  assert.equal(await askAs(OTHER_UID - 1, `${url}/login`, bearer, 'POST'), '401 not-logged-in')
})

test('the first load is less than 400 KB', async t => {
  const page = await home.visit(t)
  await waitForHeading(page, 'Overview')
  const devtools = await page.context().newCDPSession(page)
  const sizes: number[] = []
  devtools.on('Network.loadingFinished', ({ encodedDataLength }) => void sizes.push(encodedDataLength))
  await devtools.send('Network.enable')
  await devtools.send('Network.setCacheDisabled', { cacheDisabled: true })
  await page.reload()
  await waitForHeading(page, 'Overview')
  await page.getByText('You are root at home').waitFor()
  await settled(page)
  const total = sizes.reduce((sum, size) => sum + size, 0)
  t.diagnostic(`${sizes.length} files, ${Math.round(total / 1_000)} KB`)
  assert.ok(total > 100_000 && total < 400_000, `${total} bytes`)
})

/** Both halves of the login of a browser, as somebody who could read its files has them. */
async function loginOf(page: Page): Promise<Record<string, string>> {
  const cookies = await page.context().cookies(home.url)
  const key = String(await page.evaluate('localStorage.getItem("ztm-key")'))
  return { cookie: cookies.map(({ name, value }) => `${name}=${value}`).join('; '), 'ztm-key': key }
}

/** An agent of another user, whose token leaked. */
async function startVictim(): Promise<AsyncDisposable & { readonly url: string; readonly token: string }> {
  const data = join(mesh.folder, 'victim')
  await chmod(mesh.folder, 0o711)
  await mkdir(data, { mode: 0o700 })
  await chown(data, OTHER_UID, OTHER_UID)
  const port = await freePort()
  const [command = '', ...args] = mesh.commandLine('victim', 'run', 'agent', '--listen', `127.0.0.1:${port}`)
  // The checkout may be closed to others: they are shown it elsewhere, which this process alone sees.
  const shown = [command, ...args].map(word =>
    word.startsWith(ROOT) ? `/mnt${word.slice(ROOT.length)}` : word,
  )
  const show = `mount --bind "$0" /mnt && exec setpriv --reuid=${OTHER_UID} --regid=${OTHER_UID} --clear-groups "$@"`
  const child = spawn('unshare', ['--mount', 'sh', '-c', show, ROOT, ...shown], {
    cwd: '/',
    env: { PATH: process.env.PATH, HOME: data },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  await untilSaid(child, 'agent is up')
  const { stdout } = await mesh.ztm('victim', ['gui', '--no-open', '-o', 'json'])
  return {
    url: `http://localhost:${port}`,
    token: (JSON.parse(stdout) as { token: string }).token,
    async [Symbol.asyncDispose]() {
      const gone = once(child, 'close')
      child.kill()
      await gone
    },
  }
}

/** The words that run a program as a user who may read all files: a checkout may be closed to others, which is beside the point here. */
function asUser(uid: number | undefined, ...words: string[]): [string, ...string[]] {
  const rights = ['--inh-caps=+dac_override', '--ambient-caps=+dac_override']
  return ['setpriv', `--reuid=${uid}`, `--regid=${uid}`, '--clear-groups', ...rights, ...words]
}

async function untilSaid(child: ChildProcess, what: string): Promise<void> {
  let said = ''
  for await (const chunk of child.stderr ?? []) {
    said += String(chunk)
    if (said.includes(what)) break
  }
  assert.match(said, new RegExp(what))
}

/** What a program of that user is answered: status and code; of a document whether it has a key. */
async function askAs(
  uid: number | undefined,
  url: string,
  headers: Record<string, string>,
  method = 'GET',
): Promise<string> {
  const [program, ...words] = asUser(uid, process.execPath, '-e', ASK, url, method, JSON.stringify(headers))
  const child = spawn(program, words, { cwd: '/', stdio: ['ignore', 'pipe', 'inherit'] })
  let said = ''
  for await (const chunk of child.stdout) said += String(chunk)
  return said.trim()
}

const ROOT = join(import.meta.dirname, '../..')
const ASK = `
const [url, method, headers] = process.argv.slice(1)
fetch(url.replace('localhost', '127.0.0.1'), { method, headers: JSON.parse(headers) }).then(async answer => {
  const text = await answer.text()
  const isPage = text.includes('name="ztm-key"')
  const code = /"code":"([^"]+)"/.exec(text)?.[1]
  console.log([answer.status, isPage ? (/ztm-key" content="[^"]/.test(text) ? 'key' : 'no key') : code].filter(Boolean).join(' '))
})`
