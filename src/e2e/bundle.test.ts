import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import packageJson from '../../package.json' with { type: 'json' }
import { fetchPage, startPage } from '../testing/page.ts'
import { execute } from '../testing/programs.ts'
import { createTunnelLab } from '../testing/tunnel-lab.ts'

// The bundle that `npm run build` makes, in a folder with no node_modules anywhere above it.

let folder = ''
let main = ''

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ztm-bundle-'))
  main = join(folder, 'ztm.mjs')
  await execute(process.execPath, [BUILD, '--outdir', folder])
})

after(() => rm(folder, { recursive: true }))

test('the bundle tells its version', async t => {
  const version = ['-c', '"$0" "$1" --version; times', process.execPath, main]
  await execute('/bin/sh', version)
  const { stdout } = await execute('/bin/sh', version)
  const [shown, , children = ''] = stdout.split('\n')
  assert.equal(shown, `ztm ${packageJson.version}`)
  t.diagnostic(`CPU time of ztm --version, user and system: ${children}`)
})

test('the bundle runs hub, agents, join and tunnel, and needs nothing of the checkout', async () => {
  const names = await readdir(folder)
  assert.ok(names.includes('ztm.mjs') && names.includes('parts'), names.join(', '))
  await using page = await startPage('through the bundle')
  await using lab = await createTunnelLab({
    program: [process.execPath, '--disable-warning=ExperimentalWarning', main],
  })
  assert.equal(await fetchPage(await lab.tunnel('tcp/web', page.at)), 'through the bundle')
  const formats = [
    ['get', 'ep', '-o', 'yaml'],
    ['doctor'],
    ['tunnel', 'help'],
    ['completion', 'bash'],
    ['invite', 'bob'],
  ]
  const texts = await Promise.all(formats.map(words => lab.run('home', ...words)))
  for (const text of texts) assert.ok(text.length > 0)
  const script =
    "import { readdirSync } from 'node:fs'; const files: string[] = readdirSync('.'); console.log(files.length)"
  const ran = await lab.ztm('work', ['script', '-', '--ep', 'home'], { input: script })
  assert.deepEqual([ran.code, ran.stdout], [0, '0\n'], ran.stderr)
  const command = await lab.ztm('work', ['terminal', 'open', 'home', '-T', '--', 'cat'], {
    input: 'there and back',
  })
  assert.deepEqual([command.code, command.stdout], [0, 'there and back'], command.stderr)
})

test('the bundle is a package with the SDK in it', async () => {
  const program = join(folder, 'program.mjs')
  const lines = [
    `import { createContext, ZtmError } from '${packageJson.name}/sdk'`,
    "try { createContext({ env: {}, homeFolder: '/nonexistent' }) }",
    'catch (error) { console.log(error instanceof ZtmError, error.reason, error.field) }',
  ]
  await writeFile(program, lines.join('\n'))
  // A package finds itself by its own name.
  const { stdout } = await execute(process.execPath, [program])
  assert.equal(stdout, 'true invalid-config controllerUrl\n')
  const types = await readFile(join(folder, 'types/src/sdk/index.d.ts'), 'utf8')
  assert.match(types, /export \{ createContext \}/)
})

const BUILD = join(dirname(fileURLToPath(import.meta.url)), '../../scripts/build.mjs')
