import { test } from 'node:test'
import { openPredictedScreens } from '../../testing/predicted-screens.ts'
import { type SeededRandom, withSeed } from '../../testing/seeded-random.ts'

type Chance = {
  number(below: number): number
  of<T>(all: readonly [T, ...T[]]): T
}

function chanceOf(random: SeededRandom): Chance {
  const number = (below: number) => Math.floor(random() * below)
  return { number, of: all => all[number(all.length)] ?? all[0] }
}

/** Something that a program may write: from what shells write to what no terminal was asked before. */
function orderOf({ of }: Chance): string {
  const count = of([
    '',
    '',
    '0',
    '1',
    '2',
    '3',
    '5',
    '40',
    '1;1',
    '3;7',
    '99;99',
    '2;;1',
    '?2',
    '>1',
    '4:3',
    ';',
  ])
  const style = [
    '',
    '0',
    '1',
    '31',
    '1;31',
    '44',
    '7',
    '38;5;9',
    '48;2;1;2;3',
    '4:3',
    '58:5:1',
    '39;49',
    '21',
    '999',
  ]
  const modes = [
    '4',
    '?7',
    '?6',
    '?25',
    '?1049',
    '?1049',
    '?1049',
    '?47',
    '?1048',
    '?2004',
    '20',
    '?45',
    '?1000;1049',
  ]
  return of<() => string>([
    () => `\x1b[${count}${of([...'ABCDEFGHIJKLMPSTXZ@`abdefg'] as [string, ...string[]])}`,
    () => `\x1b[${of(['', '1', '2', '3'])}${of(['J', 'K', 'K', 'J', 'H'])}`,
    () => `\x1b[${count}${of(['C', 'D', 'G', 'P', '@', 'X', 'b', 'A'])}`,
    () => `\x1b[${of(style as [string, ...string[]])}m`,
    () => `\x1b[${of(style as [string, ...string[]])}m`,
    () => '\x1b[m',
    () => `\x1b[${of(modes as [string, ...string[]])}${of(['h', 'l', 'l'])}`,
    () => `\x1b[${of(['', '2;4', '1;6', '1;99'])}r`,
    () =>
      of([
        '\x1b7',
        '\x1b8',
        '\x1b[s',
        '\x1b[u',
        '\x1bM',
        '\x1bD',
        '\x1bE',
        '\x1b=',
        '\x1b(0',
        '\x1b(B',
        '\x0e',
        '\x0f',
      ]),
    () =>
      of([
        '\x1bc',
        '\x1b[!p',
        '\x1bH',
        '\x1b[3g',
        '\x1b#8',
        '\x9b1m',
        '\u0085',
        '\x1b\\',
        '\x1b[6n',
        '\x1b[c',
      ]),
    () =>
      of([
        '\x1b]0;title\x07',
        '\x1b]8;;http://a\x1b\\',
        '\x1b]8;;\x07',
        '\x1bPq#0\x1b\\',
        '\x1b_Gx\x1b\\',
        '\x1b]0;a\x1b[31m',
      ]),
  ])()
}

function writingOf(chance: Chance): string {
  const { number, of } = chance
  return of<() => string>([
    () => 'abc def '.slice(0, 1 + number(8)),
    () => 'x'.repeat(number(60)),
    () =>
      of([
        'é',
        'ж',
        '漢字',
        'ｗ',
        '❯ ',
        '🙂',
        'e\u0301',
        '\u0301',
        '\u200d',
        '\ufe0f',
        '한글',
        '\u{1f468}\u200d\u{1f469}',
        '\u0000',
      ]),
    () => of(['\r\n', '\r\n', '\n', '\r', '\t', '\b', '\x07', '\v', '\f', '\x7f']),
    () => '\r\n$ ',
    () => '\r\x1b[K$ ',
    () => '\x1b[H\x1b[2J$ ',
    () => orderOf(chance),
    () => orderOf(chance),
  ])()
}

function typedBy({ number, of }: Chance): string {
  return of<() => string>([
    () => of([...'abcdefgxé '] as [string, ...string[]]),
    () => of([...'abcdefgx '] as [string, ...string[]]),
    () => of([...'abcdefgx '] as [string, ...string[]]),
    () => '\x7f',
    () => of(['\x1b[D', '\x1b[C', '\x1bOD']),
    () => of(['\r', '\r', '\t', '\x03', '漢', '\x1b[A', '\x1b']),
    () => 'pasted all at once'.slice(0, 2 + number(16)),
  ])()
}

/** Echoes as chance has it: like a shell, with colours, stars, nothing, on one line with what is foreseen, or otherwise. */
function programOf(chance: Chance): (typed: string) => string {
  const { number, of } = chance
  let how = 0
  const echoes: ((key: string) => string)[] = [
    key => key,
    key => key,
    key => `\x1b[32m${key}\x1b[m`,
    key => `${key}\x1b[90m${'sugg'.slice(number(4))}\x1b[m\x1b[K${'\b'.repeat(number(5))}`,
    key => `\b \b${key}`,
    () => '*',
    () => '',
    key => `${key}${writingOf(chance)}`,
    key => `\x1b7\x1b[1;30Hclock\x1b8${key}`,
    key => `${key}\x1b[${1 + number(3)}b`,
  ]
  return typed => {
    if (number(40) === 0) how = number(echoes.length)
    if (typed === '\r') return of(['\r\n$ ', '\r\nout\r\n\x1b[0m$ ', '\r\n', '\x1b[?1049l\r\n$ ', ''])
    if (typed === '\x7f') return of(['\b \b', '\b \b', '\b\x1b[K', ''])
    if (typed === '\x1b[D') return of(['\b', '\b', '\x1b[D', ''])
    if (typed === '\x1b[C') return of(['\x1b[C', '', '\x1b[1C'])
    return [...typed].map(key => (key < ' ' ? '' : (echoes[how]?.(key) ?? ''))).join('')
  }
}

function cutBy({ number }: Chance): (bytes: Uint8Array) => Uint8Array[] {
  return bytes => {
    const pieces: Uint8Array[] = []
    let at = 0
    while (at < bytes.length) {
      const end = number(3) === 0 ? at + 1 + number(5) : bytes.length
      pieces.push(bytes.subarray(at, end))
      at = end
    }
    return pieces
  }
}

function play(random: SeededRandom, stepCount: number): number {
  const chance = chanceOf(random)
  const { number, of } = chance
  const screens = openPredictedScreens({
    program: programOf(chance),
    columns: of([20, 33, 80]),
    rows: of([3, 6]),
    tripMs: of([5, 60, 300]),
    mode: of(['auto', 'always']),
    isFresh: number(4) > 0,
    split: cutBy(chance),
  })
  let shownCount = 0
  const isTame = number(4) > 0
  const acts: (() => void)[] = [
    () => screens.write(writingOf(chance)),
    () => screens.assertSame(),
    () => {
      if (number(10) === 0) screens.resize(of([18, 30, 81]), of([3, 7]))
    },
    () => {
      screens.tripMs = of([5, 60, 300])
    },
    () => screens.wait(number(1_000)),
  ]
  for (let step = 0; step < stepCount; step += 1) {
    if (number(isTame ? 12 : 3) === 0) acts[number(acts.length)]?.()
    else if (isTame && number(8) > 0) screens.type(of([...'abcdefgx \x7f'] as [string, ...string[]]))
    else screens.type(typedBy(chance))
    // A person stops, and looks.
    if (number(20) === 0) {
      if (number(2) === 0) screens.type('\r')
      screens.wait(2_000)
      screens.write(of(['', '', '\r\n$ ', '\x1bc$ ', '\x1b[?1049l\x1b[m\r\n$ ']))
      screens.wait(2_000)
    }
    if (screens.seen.line() !== screens.plain.line()) shownCount += 1
    screens.wait(number(150))
  }
  screens.settle()
  return shownCount
}

test('whatever programs write and people type, the screen is in the end as it were without prediction', async t => {
  let shownCount = 0
  for (let round = 0; round < ROUNDS; round += 1) {
    await withSeed(random => {
      shownCount += play(random, 100)
    })
  }
  t.diagnostic(`${shownCount} times something was shown before its echo`)
})

const ROUNDS = 60
