import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { startExample } from '../../src/testing/example-process.ts'
import { createSdkLab } from '../../src/testing/sdk-lab.ts'
import { until } from '../../src/testing/until.ts'

// The code that the documents show is code that works: whoever copies it has a program.

const ROOT = join(import.meta.dirname, '../..')
const SDK = join(ROOT, 'src/sdk/index.ts')
const DOCUMENTS = ['README.md', 'docs/sdk.md']

interface Snippet {
  readonly name: string
  readonly code: string
}

let folder = ''
let snippets: readonly Snippet[] = []

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ztm-snippets-'))
  await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
  await writeFile(join(folder, 'package.json'), '{"type":"module"}')
  const found = await Promise.all(DOCUMENTS.map(snippetsOf))
  snippets = found.flat()
})
after(() => rm(folder, { recursive: true }))

async function snippetsOf(document: string): Promise<Snippet[]> {
  const text = await readFile(join(ROOT, document), 'utf8')
  return [...text.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code = ''], index) => ({
    name: `${document.replace(/\W/g, '-')}-${index}.ts`,
    code,
  }))
}

suite('the code in README.md and docs/sdk.md', () => {
  test('has the types that the SDK has', async () => {
    assert.ok(snippets.length >= 4)
    for (const { name, code } of snippets) await writeFile(join(folder, name), code)
    const options = {
      extends: join(ROOT, 'tsconfig.base.json'),
      compilerOptions: {
        lib: ['ES2024', 'ESNext.Disposable'],
        // What one does with a result is left to the reader.
        noUnusedLocals: false,
        types: ['node'],
        typeRoots: [join(ROOT, 'node_modules/@types')],
        paths: { 'ztm/sdk': [SDK] },
      },
      files: snippets.map(({ name }) => name),
    }
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(options))
    const tsc = join(ROOT, 'node_modules/.bin/tsc')
    const result = await promisify(execFile)(tsc, ['-p', folder], { cwd: folder }).catch(error => error)
    assert.equal(result.stdout, '')
  })

  test('dials what it hosts', async () => {
    const [dial, host] = snippets.filter(({ name }) => name.startsWith('docs-sdk'))
    await using lab = await createSdkLab()
    await lab.service('greeter')
    const start = async (snippet: Snippet | undefined, role: string) => {
      const { name = '', code = '' } = snippet ?? {}
      assert.ok(code.includes("'ztm/sdk'") && code.includes('https://hub.example.com:8888'))
      const runnable = code
        .replace("'ztm/sdk'", `'${pathToFileURL(SDK)}'`)
        .replace('https://hub.example.com:8888', lab.controllerUrl)
      const file = join(folder, `run-${name}`)
      await writeFile(file, runnable)
      return startExample([file], lab.env(await lab.identity(role, role)))
    }
    await using _hosting = await start(host, 'host')
    await until(async () => ((await lab.manage('GET', '/terminators')) as unknown[]).length > 0, 'it hosts')
    await using dialling = await start(dial, 'dialler')
    assert.equal(await dialling.ended(), 'hello')
  })
})
