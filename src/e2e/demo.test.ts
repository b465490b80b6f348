import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { makeScratchFolder } from '../testing/scratch-folder.ts'

// What `npm start` runs once everything is installed.

const DEMO = join(import.meta.dirname, '../bin/demo.ts')

/** Run it to its end, with a temporary folder of its own. */
async function runDemo(temporaryFolder: string): Promise<{ code: number; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', DEMO, '--once'], {
    env: { ...process.env, TMPDIR: temporaryFolder },
    timeout: 60_000,
  })
  let [stdout, stderr] = ['', '']
  child.stdout.setEncoding('utf8').on('data', chunk => {
    stdout += chunk
  })
  child.stderr.setEncoding('utf8').on('data', chunk => {
    stderr += chunk
  })
  const [code] = (await once(child, 'close')) as [number]
  return { code, stdout, stderr }
}

test('the demonstration fetches a page through a tunnel, shows a table, and leaves nothing behind', async () => {
  using folder = makeScratchFolder()
  const { code, stdout, stderr } = await runDemo(folder.path)
  assert.equal(code, 0, stderr)
  assert.match(stdout, /ENDPOINT +PATH +FIRST BYTE +MB\/s\n +home +direct +[\d.]+ ms +\d+\n/)
  assert.deepEqual(readdirSync(folder.path), [])
})

test('the demonstration ends with a reason, and not with 0, when it cannot work', async () => {
  using folder = makeScratchFolder()
  const { code, stderr } = await runDemo(folder.file('there/is/none'))
  assert.equal(code, 1)
  assert.match(stderr, /^ztm: the demonstration failed: .*ENOENT/m)
})
