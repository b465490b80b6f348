import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runTool } from './run-tool.ts'

test('runTool() gives exit code and output of both streams', async () => {
  const script = 'process.stdout.write("out\\n"); process.stderr.write(process.argv[1]); process.exitCode = 3'
  assert.deepEqual(await runTool(process.execPath, ['-e', script, 'a b']), { status: 3, output: 'out\na b' })
  assert.deepEqual(await runTool(process.execPath, ['-e', '']), { status: 0, output: '' })
})

test('runTool() says so when there is no such command', async () => {
  assert.deepEqual(await runTool('ztm-no-such-tool', []), {
    status: 127,
    output: 'ztm-no-such-tool: no such command',
  })
})
