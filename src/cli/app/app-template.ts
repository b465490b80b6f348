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
    gui: 'gui',
    capabilities: { storage: true },
  }
  return {
    'app.json': `${JSON.stringify(manifest, undefined, 2)}\n`,
    'app.ts': APP,
    'app.test.ts': TEST,
    'gui/index.html': PAGE.replaceAll('NAME', name),
    'gui/page.js': SCRIPT,
    'README.md': README.replaceAll('NAME', name),
    'tsconfig.json': TSCONFIG,
    'types/ztm-app.d.ts': types.app,
    'types/ztm-app-testing.d.ts': types.testing,
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
      "ztm/app/testing": ["./types/ztm-app-testing.d.ts"]
    }
  },
  "include": ["app.ts"]
}
`
