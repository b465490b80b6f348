import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { test } from 'node:test'
import { VERSION } from '../cli/version.ts'
import { makeScratchFolder } from '../testing/scratch-folder.ts'

const MAIN = join(import.meta.dirname, 'ztm.ts')

function start(words: readonly string[], dataFolder = '/nowhere/ztm'): ChildProcess {
  return spawn(process.execPath, ['--disable-warning=ExperimentalWarning', MAIN, ...words], {
    env: { ...process.env, ZTM_DATA: dataFolder, ZTM_AGENT: '', ZTM_MESH: '' },
  })
}

/** Both streams and the exit code, without touching standard input, which stays open. */
async function run(words: readonly string[], dataFolder?: string) {
  const child = start(words, dataFolder)
  const texts = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8').on('data', text => {
      texts[name] += text
    })
  }
  const [code] = await once(child, 'close')
  return { code, ...texts }
}

test('ztm --version prints the version and nothing else', async () => {
  assert.deepEqual(await run(['--version']), { code: 0, stdout: `ztm ${VERSION}\n`, stderr: '' })
  assert.deepEqual(await run(['-V']), await run(['--version']))
  assert.match((await run(['version'])).stdout, /^ztm \S+ \(Node v24\./)
  assert.equal(JSON.parse((await run(['version', '-o', 'json'])).stdout).version, VERSION)
})

test('ztm ends while its standard input is open', async () => {
  using folder = makeScratchFolder()
  const { code, stdout, stderr } = await run(['get', 'ep'], folder.path)
  assert.deepEqual({ code, stdout }, { code: 5, stdout: '' })
  assert.match(stderr, /^ztm: Cannot reach the agent of /)
})

test('ztm ends when its standard input is closed', async () => {
  const child = start(['help'])
  child.stdin?.end()
  const [code] = await once(child, 'exit')
  assert.equal(code, 0)
})

test('ztm reads a permit from standard input', async () => {
  using folder = makeScratchFolder()
  const child = start(['join', 'm', '--as', 'e', '-p', '-'], folder.path)
  let stderr = ''
  child.stderr?.setEncoding('utf8').on('data', text => {
    stderr += text
  })
  child.stdin?.end('x'.repeat(100_000))
  const [code] = await once(child, 'close')
  assert.equal(code, 9)
  assert.match(stderr, /^ztm: Cannot read standard input: over 65536 bytes/)
})

test('ztm ends quietly when nobody reads on', async () => {
  const child = start(['help'])
  let stderr = ''
  child.stderr?.setEncoding('utf8').on('data', text => {
    stderr += text
  })
  child.stdout?.destroy()
  const [code] = await once(child, 'close')
  assert.deepEqual({ code, stderr }, { code: 0, stderr: '' })
})
