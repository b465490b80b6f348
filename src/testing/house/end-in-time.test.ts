import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { makeScratchFolder } from '../scratch-folder.ts'

const END_IN_TIME = join(import.meta.dirname, '../../../scripts/end-in-time.mjs')

/** Run a file of tests as `scripts/test.mjs` does. */
async function runTests(
  source: string,
  env: Record<string, string>,
): Promise<{ code: number; said: string }> {
  using scratch = makeScratchFolder()
  const file = scratch.file('some.test.mjs')
  writeFileSync(file, source)
  return await new Promise(resolve => {
    const words = ['--import', END_IN_TIME, file]
    // Not as a part of the tests that this one is of.
    const { NODE_TEST_CONTEXT: _, ...rest } = process.env
    execFile(process.execPath, words, { env: { ...rest, ...env } }, (error, stdout, stderr) =>
      resolve({ code: Number(error?.code ?? 0), said: stdout + stderr }),
    )
  })
}

const LEAVES_OPEN = `
  import net from 'node:net'
  import test from 'node:test'
  test('opens', () => { net.createServer().listen(0); FAIL })
`

test('a test file that goes on after its tests is ended, with a word on which it was and what it left', async () => {
  const env = { ZTM_TEST_GRACE_MS: '300' }
  for (const fail of ['', "throw new Error('in the middle')"]) {
    const { code, said } = await runTests(LEAVES_OPEN.replace('FAIL', fail), env)
    assert.equal(code, 1, said)
    assert.match(
      said,
      /^ended: .*some\.test\.mjs: it went on for 0\.3 s after its tests; open: .*1 TCPServerWrap/m,
    )
  }
})

test('a test file that ends by itself, and one whose last hook takes its time, are left alone', async () => {
  const good = `
    import { after, test } from 'node:test'
    after(() => new Promise(resolve => setTimeout(resolve, 300)))
    test('good', () => {})
  `
  assert.equal((await runTests(good, {})).code, 0)
})
