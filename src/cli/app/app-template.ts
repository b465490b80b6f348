/**
 * The files of a new app, by their paths.
 *
 * @param name   as `parseAppName` takes it
 * @param types  what editors know `ztm/app` and `ztm/app/testing` by
 */
export function makeAppFiles(
  name: string,
  types: { readonly app: string; readonly testing: string },
): Readonly<Record<string, string>> {
  const manifest = {
    name,
    version: '0.1.0',
    description: 'Says hello, and counts who asked',
    cli: 'cli.ts',
    gui: 'gui',
    capabilities: { storage: true },
  }
  return {
    'app.json': `${JSON.stringify(manifest, undefined, 2)}\n`,
    'app.ts': APP,
    'app.test.ts': TEST,
    'cli.ts': COMMANDS.replaceAll('NAME', name),
    'gui/index.html': PAGE.replaceAll('NAME', name),
    'gui/page.js': SCRIPT,
    'README.md': README.replaceAll('NAME', name),
    'tsconfig.json': TSCONFIG,
    'types/ztm-app.d.ts': types.app,
    'types/ztm-app-testing.d.ts': types.testing,
    'types/ztm-cli.d.ts': CLI_TYPES,
  }
}

const APP = `import { defineApp } from 'ztm/app'

export default defineApp({
  /** The same app at another endpoint opened a stream to this one: the mesh has proven who it is. */
  async onStream(stream, host) {
    const count = ((await host.storage.get<number>(stream.from.user)) ?? 0) + 1
    await host.storage.put(stream.from.user, count)
    await stream.end(\`Hello \${stream.from.user} from \${host.endpoint.name}, for time \${count}\`)
  },

  /** Whoever may use this endpoint asks. The page in gui/ finds what is here below /api. */
  async onRequest(request, host) {
    const { pathname } = new URL(request.url)
    if (pathname === '/peers') return Response.json(await host.peers())
    if (pathname === '/hello') {
      const greetings = (await host.peers()).map(async peer => (await host.dial(peer)).text())
      return Response.json(await Promise.all(greetings))
    }
    return new Response('Nothing here\\n', { status: 404 })
  },
})
`

const COMMANDS = `import { args, fetch } from 'ztm/cli'

// \`ztm NAME hello\`: words that are typed; the app is asked, and nothing else can be reached from here.
if (args[0] === 'hello') for (const greeting of await (await fetch('/hello')).json()) console.log(greeting)
else console.error('Write: ztm NAME hello')
`

const CLI_TYPES = `/** The words after the name of the app. */
export declare const args: readonly string[]
/** Ask the app, by a path: here, or at the endpoint that was named with --ep. */
export declare function fetch(
  path: string,
  init?: { method?: string; headers?: Record<string, string>; body?: string | Uint8Array },
): Promise<Response>
/** Where this runs, and what. */
export declare const facts: {
  readonly mesh: string
  readonly app: { readonly provider: string; readonly name: string; readonly version: string }
  readonly endpoint: { readonly id: string; readonly name: string; readonly user: string }
}
`

const TEST = `import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createAppMesh } from 'ztm/app/testing'

test('endpoints say hello to each other', async () => {
  await using mesh = await createAppMesh(import.meta.dirname)
  const office = await mesh.start('office')
  await mesh.start('laptop')
  const response = await office.fetch('/hello')
  assert.deepEqual(await response.json(), [
    'Hello root from office, for time 1',
    'Hello root from laptop, for time 1',
  ])
})
`

const PAGE = `<!doctype html>
<html lang="en">
  <meta charset="utf-8" />
  <title>NAME</title>
  <h1>NAME</h1>
  <button>Say hello</button>
  <ul></ul>
  <script type="module" src="page.js"></script>
</html>
`

const SCRIPT = `const list = document.querySelector('ul')
document.querySelector('button').addEventListener('click', async () => {
  const greetings = await (await fetch('/api/hello')).json()
  list.replaceChildren(
    ...greetings.map(text => Object.assign(document.createElement('li'), { textContent: text })),
  )
})
`

const README = `# NAME

An app for ZTM.

- \`ztm app dev\` runs it in the agent of this computer, and again after each change.
- \`ztm app test\` runs its tests, with endpoints of a mesh that is simulated.
- \`ztm NAME hello\` runs its own command, where it is installed.
- \`ztm publish app .\` offers it to the mesh; \`ztm install app USER/NAME\` installs it elsewhere.

What it may do is what \`app.json\` asks for and whoever installs it grants; \`types/ztm-app.d.ts\` says what there is.
`

const TSCONFIG = `{
  "compilerOptions": {
    "target": "ES2024",
    "module": "NodeNext",
    "lib": ["ES2024", "ESNext.Disposable", "DOM", "DOM.Iterable", "DOM.AsyncIterable"],
    "strict": true,
    "noEmit": true,
    "erasableSyntaxOnly": true,
    "allowImportingTsExtensions": true,
    "paths": {
      "ztm/app": ["./types/ztm-app.d.ts"],
      "ztm/app/testing": ["./types/ztm-app-testing.d.ts"],
      "ztm/cli": ["./types/ztm-cli.d.ts"]
    }
  },
  "include": ["app.ts", "cli.ts"]
}
`
