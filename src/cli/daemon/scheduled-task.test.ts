import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { ServicePlan } from './plan.ts'
import { formatScheduledTask, quoteWindowsWord } from './scheduled-task.ts'

const PLAN: ServicePlan = {
  role: 'hub',
  program: ['C:\\Program Files\\ztm\\node.exe', 'C:\\Program Files\\ztm\\ztm.mjs'],
  options: ['--names', 'a&b'],
  dataFolder: 'C:\\Users\\ann\\.ztm',
  owner: { name: 'OFFICE\\ann', homeFolder: 'C:\\Users\\ann' },
}

test('formatScheduledTask() runs a daemon at boot without a password, or at log-on', () => {
  const system = formatScheduledTask(PLAN, 'system')
  assert.match(system, /<BootTrigger\/>/)
  assert.match(system, /<LogonType>S4U<\/LogonType>/)
  assert.match(system, /<Command>C:\\Program Files\\ztm\\node\.exe<\/Command>/)
  assert.match(
    system,
    /<Arguments>&#34;C:\\Program Files\\ztm\\ztm\.mjs&#34; run hub --data C:\\Users\\ann\\\.ztm --names &#34;a&#38;b&#34;</,
  )
  const user = formatScheduledTask(PLAN, 'user')
  assert.match(user, /<LogonTrigger><UserId>OFFICE\\ann<\/UserId><\/LogonTrigger>/)
  assert.match(user, /<LogonType>InteractiveToken<\/LogonType>/)
})

test('quoteWindowsWord() is read back as the same words, whatever is in them', () => {
  const word = fc.string({ unit: fc.constantFrom(...'\\\\" ab%') })
  fc.assert(
    fc.property(fc.array(word), words => {
      assert.deepEqual(readWindowsWords(words.map(quoteWindowsWord).join(' ')), words)
    }),
    { numRuns: 2_000 },
  )
})

/** The rules of CommandLineToArgvW after the program's name, but for doubled quotes, which we do not write. */
function readWindowsWords(line: string): string[] {
  const words: string[] = []
  let word: string | undefined
  let isQuoted = false
  for (const [token] of line.matchAll(/\\*"|\\+|\s|[^\\"\s]+/g)) {
    const slashes = /^(\\*)"$/.exec(token)?.[1]?.length
    if (/\s/.test(token) && !isQuoted) {
      if (word !== undefined) words.push(word)
      word = undefined
    } else if (slashes === undefined) {
      word = (word ?? '') + token
    } else {
      word = (word ?? '') + '\\'.repeat(slashes / 2) + (slashes % 2 === 1 ? '"' : '')
      if (slashes % 2 === 0) isQuoted = !isQuoted
    }
  }
  if (word !== undefined) words.push(word)
  return words
}
