import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { openTerminalRig, size } from '../../testing/terminal-rig.ts'
import { until } from '../../testing/until.ts'
import { TERMINAL_LIMITS } from './limits.ts'

/** What a program and a terminal say to each other; `vttest` tries these kinds. */
const SEQUENCES = [
  '\x1b[2J\x1b[H\x1b[10;20Hhere\x1b[K',
  '\x1b[?1049h\x1b[?25l\x1b[?2004h\x1b[?1006h\x1b[?1049l',
  '\x1b[38;2;255;100;0mtrue\x1b[48;5;17mcolours\x1b[0m',
  '\x1b[5;20r\x1bD\x1bM\x1b[4h\x1b[4l\x1b7\x1b8',
  '\x1b(0lqqk\x1b(B\x0e\x0f\x1b#8',
  '\x1b[c\x1b[>c\x1b[6n\x1b[5n\x1b[18t',
  '\x1b]0;title\x07\x1b]8;;https://example.com\x1b\\link\x1b]8;;\x1b\\\x1b]52;c;aGk=\x07',
  '\x1bP$q"p\x1b\\\x1b_G\x1b\\\x9b31m',
  '漢字 👩‍👩‍👧 e\u0301 \u202e',
].map(text => Buffer.from(text))
const EVERY_BYTE = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))

/** Memory that is in use, without what nobody holds any more: that goes when the collector likes. */
function usedBytes(): number {
  setFlagsFromString('--expose-gc')
  runInNewContext('gc')()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

test('a terminal passes every byte and every sequence on as it is, both ways, wherever it is cut', async t => {
  const { run } = await openTerminalRig(t)
  const echo = await run({
    kind: 'open',
    command: ['sh', '-c', 'stty raw -echo; printf go; exec cat'],
    terminal: size,
  })
  await until(() => echo.output().toString() === 'go', 'it began')
  const whole = Buffer.concat([...SEQUENCES, EVERY_BYTE, ...SEQUENCES])
  echo.send('input', whole)
  await until(() => echo.output().length === 2 + whole.length, 'it came back')
  assert.deepEqual(echo.output().subarray(2), whole)
  for (const byte of whole) echo.send('input', Buffer.from([byte]))
  await until(() => echo.output().length === 2 + 2 * whole.length, 'it came back byte by byte')
  assert.deepEqual(echo.output().subarray(2 + whole.length), whole)
})

test('a terminal that prints 1 GB unseen keeps its end, and no more', async t => {
  const { run, near, list } = await openTerminalRig(t)
  const total = 1_000_000_000
  const noisy = await run({
    kind: 'open',
    command: ['sh', '-c', `stty raw -echo; echo go; read x; head -c ${total} /dev/zero; printf end; read y`],
    terminal: size,
  })
  await until(() => noisy.output().includes('go'), 'it began')
  noisy.send('input', '\n')
  noisy.stream.destroy()
  const before = usedBytes()
  let most = 0
  const look = async () => {
    const [session] = await list(near)
    most = Math.max(most, usedBytes())
    return (session?.outputBytes ?? 0) >= total
  }
  while (!(await look())) await setTimeout(200)
  // What the collector has not come to yet is counted too: a tenth of what was printed is far from all of it.
  assert.ok(most - before < total / 10, `${most - before} bytes more`)
  const back = await run({ kind: 'attach', session: noisy.session })
  await until(() => back.output().includes('end'), 'its end')
  // What came after it was attached is beside it.
  assert.ok(back.output().length <= TERMINAL_LIMITS.keptBytes + 65_536)
})
