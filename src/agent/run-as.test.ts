import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { userInfo } from 'node:os'
import { test } from 'node:test'
import type { Program } from '../sdk/app.ts'
import { runProgram } from './run-program.ts'

const isRoot = process.geteuid?.() === 0
const needsRoot = { skip: !isRoot && 'only root runs programs as others' }

/** What a program wrote, once it has ended. */
async function outputOf(program: Program): Promise<string> {
  const running = await runProgram(program)
  let text = ''
  for await (const chunk of running.output) text += String(chunk)
  await running.ended
  return text.replaceAll('\r\n', '\n')
}

test('a program of another account has its ids and groups, and nothing of ours', needsRoot, async () => {
  process.env.SECRET_OF_AGENT = 'x'
  // The group 0 among them would be ours.
  const script = 'id -u; id -g; id -G; env; pwd; cat /proc/self/status | grep CapEff'
  for (const terminal of [undefined, { columns: 80, rows: 24 }]) {
    const text = await outputOf({
      command: ['sh', '-c', script],
      account: 'nobody',
      env: { TERM: 'vt100', HOME: '/elsewhere', LD_PRELOAD: '/none.so' },
      ...(terminal && { terminal }),
    })
    const idOf = (flag: string) => execFileSync('id', [flag, 'nobody'], { encoding: 'utf8' })
    assert.ok(text.startsWith(idOf('-u') + idOf('-g') + idOf('-G')), text)
    assert.match(text, /^USER=nobody$/m)
    assert.match(text, /^TERM=vt100$/m)
    assert.doesNotMatch(text, /SECRET_OF_AGENT|elsewhere|LD_PRELOAD/)
    assert.match(text, /CapEff:\s+0+$/m)
  }
  delete process.env.SECRET_OF_AGENT
})

test(
  'an account that nobody logs in to gets a plain shell, in a terminal of its own',
  needsRoot,
  async () => {
    const running = await runProgram({ account: 'nobody', terminal: { columns: 80, rows: 24 } })
    let text = ''
    running.output.on('data', chunk => {
      text += String(chunk)
    })
    running.input.write('echo $((6*7)) $0; stat -c %U "$(tty)"; echo >"$(tty)" && echo open; exit 4\n')
    assert.deepEqual(await running.ended, { code: 4 })
    assert.match(text, /42/)
    assert.match(text, /nobody/)
    assert.match(text, /^open/m)
  },
)

test('an agent that is root runs nothing as root for others, and nothing for accounts there are not', async () => {
  const command = ['true']
  if (isRoot) {
    await assert.rejects(runProgram({ command, isNeverRoot: true }), { code: 'denied' })
    await assert.rejects(runProgram({ command, account: 'no-such-account' }), { code: 'not-found' })
  } else {
    await outputOf({ command, isNeverRoot: true })
    await assert.rejects(runProgram({ command, account: 'root' }), { code: 'not-permitted' })
  }
  // One's own account is no change.
  assert.equal(
    await outputOf({ command: ['id', '-un'], account: userInfo().username }),
    `${userInfo().username}\n`,
  )
})
