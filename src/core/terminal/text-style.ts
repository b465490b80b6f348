/**
 * How text looks after an order that says so, in one spelling: the codes that are in force, `1;31`; nothing for plain text.
 *
 * @param before      as this function gave it
 * @param parameters  of `CSI … m`
 * @returns undefined where a code is not known, until all are taken back
 * @see ECMA-48, section 8.3.117 (SGR); ITU-T T.416, section 13.1.8, for colours
 */
export function textStyleAfter(before: string | undefined, parameters: string): string | undefined {
  const inForce = new Map<string, string>()
  let isKnown = before !== undefined
  const codes = [...(before ? before.split(';') : []), ...parameters.split(';')]
  for (let at = 0; at < codes.length; at += 1) {
    const code = codes[at] ?? ''
    if (code === '' || /^0+$/.test(code)) {
      inForce.clear()
      isKnown = true
      continue
    }
    const count = COLOURS.has(code) ? colourLength(codes, at) : 1
    const whole = codes.slice(at, at + count).join(';')
    at += count - 1
    const kind = kindOf(code)
    if (count === 0 || kind === undefined) isKnown = false
    else if (kind.ends) for (const one of kind.of) inForce.delete(one)
    else inForce.set(kind.of[0] ?? '', whole)
    if (count === 0) break
  }
  return isKnown ? [...inForce.values()].join(';') : undefined
}

/** Whether cells that are erased now are as they were in the beginning: their background is nobody's. */
export function erasesPlain(style: string | undefined): boolean {
  return style !== undefined && !style.split(';').some(code => /^(?:7|4[0-8].*|10[0-7])$/.test(code))
}

/** How many codes a colour takes, from 38, 48 or 58 on; 0 if it is none. */
function colourLength(codes: readonly string[], at: number): number {
  const length = codes[at + 1] === '5' ? 3 : codes[at + 1] === '2' ? 5 : 0
  const isWhole =
    codes.length >= at + length && codes.slice(at, at + length).every(code => /^\d+$/.test(code))
  return isWhole ? length : 0
}

function kindOf(code: string): { readonly of: readonly string[]; readonly ends?: boolean } | undefined {
  const number = Number(/^\d+/.exec(code)?.[0] ?? Number.NaN)
  // Of what is said with colons, colours and kinds of underline alone are alike everywhere.
  if (code.includes(':') && number !== 4 && !COLOURS.has(String(number))) return undefined
  if (code === '4:0') return { of: ['4'], ends: true }
  if ((number >= 30 && number <= 38) || (number >= 90 && number <= 97)) return { of: ['front'] }
  if ((number >= 40 && number <= 48) || (number >= 100 && number <= 107)) return { of: ['ground'] }
  return KINDS[number]
}

const COLOURS = new Set(['38', '48', '58'])
const KINDS: Readonly<Record<number, { readonly of: readonly string[]; readonly ends?: boolean }>> = {
  1: { of: ['1'] },
  2: { of: ['2'] },
  3: { of: ['3'] },
  4: { of: ['4'] },
  5: { of: ['5'] },
  7: { of: ['7'] },
  8: { of: ['8'] },
  9: { of: ['9'] },
  22: { of: ['1', '2'], ends: true },
  23: { of: ['3'], ends: true },
  24: { of: ['4'], ends: true },
  25: { of: ['5'], ends: true },
  27: { of: ['7'], ends: true },
  28: { of: ['8'], ends: true },
  29: { of: ['9'], ends: true },
  39: { of: ['front'], ends: true },
  49: { of: ['ground'], ends: true },
  58: { of: ['line'] },
  59: { of: ['line'], ends: true },
}
