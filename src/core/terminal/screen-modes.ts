/** What an order is to a screen, beside what it writes: a mode of the terminal, or nothing at all. */
export type ModeMeaning = 'nothing' | 'mode' | 'enter' | 'leave' | 'restore' | 'home' | undefined

/** The modes of a terminal in which the same characters are shown in other ways. */
export interface ScreenModes {
  /** The first screen is shown, and what is written is shown as usual. */
  readonly isUsual: boolean
  /** A program fills the other screen: when it leaves, the first is as it was. */
  readonly isOnOtherScreen: boolean
  /** How text looked when the other screen was entered. */
  keptStyle: string | undefined
  /** There is something that is not followed, until the terminal is reset. */
  meetUnusual(what: string): void
  /** @returns undefined if it is about no mode: the cursor, or cells */
  escape(sequence: string): ModeMeaning
  order(parameters: string, marks: string, final: string, rows: number): ModeMeaning
  /** What the first screen was when the other was entered is no more what it will be. */
  resize(): void
  reset(): void
}

/**
 * Follow the modes that a program sets.
 *
 * @see ECMA-48, section 7; "XTerm Control Sequences", for private ones
 */
export function createScreenModes(): ScreenModes {
  const unusual = new Set<string>()
  let other: 'none' | 'kept' | 'changed' = 'none'
  let keptStyle: string | undefined

  function set(what: string, isSet: boolean): 'mode' {
    if (isSet) unusual.add(what)
    else unusual.delete(what)
    return 'mode'
  }

  function setPrivate(mode: string, isSet: boolean): ModeMeaning {
    if (SILENT_MODES.has(mode)) return 'nothing'
    if (mode === '1049') {
      if (other === 'none' && !isSet) return 'restore'
      if (other !== 'none' && isSet) return 'nothing'
      const isChanged = other === 'changed'
      other = isSet ? 'kept' : 'none'
      return isSet ? 'enter' : isChanged ? 'restore' : 'leave'
    }
    if (mode === '47' || mode === '1047') {
      const wasThere = other !== 'none'
      other = isSet ? 'changed' : 'none'
      return wasThere && !isSet ? 'restore' : 'nothing'
    }
    if (mode === '1048') return isSet ? 'nothing' : 'restore'
    // Wrapping is what is usual; all others are not.
    if (mode === '7') return set('no wrap', !isSet)
    return set(`?${mode}`, isSet)
  }

  function setModes(parameters: string, isSet: boolean): ModeMeaning {
    const isPrivate = parameters.startsWith('?')
    const modes = (isPrivate ? parameters.slice(1) : parameters).split(';')
    const meanings = modes.map(mode => (isPrivate ? setPrivate(mode, isSet) : set(`mode ${mode}`, isSet)))
    const known = meanings.filter(meaning => meaning !== 'nothing')
    if (known.length > 1) return 'restore'
    return known[0] ?? 'nothing'
  }

  return {
    get isUsual() {
      return unusual.size === 0 && other === 'none'
    },
    get isOnOtherScreen() {
      return other !== 'none'
    },
    get keptStyle() {
      return keptStyle
    },
    set keptStyle(style) {
      keptStyle = style
    },
    meetUnusual(what) {
      unusual.add(what)
    },
    escape(sequence) {
      if (SILENT_ESCAPES.has(sequence)) return 'nothing'
      if (sequence.startsWith('(')) return set('letters of a set', sequence !== '(B')
      if (/^[)*+\-./]/.test(sequence)) return 'nothing'
      if (/^[Hno|}~NO%#]/.test(sequence)) return set(sequence, true)
      return undefined
    },
    order(parameters, marks, final, rows) {
      if (marks === '' && (final === 'h' || final === 'l')) return setModes(parameters, final === 'h')
      if (marks === '' && final === 'r') {
        if (parameters.startsWith('?')) return set('restored modes', true)
        const isWhole = parameters === '' || parameters === ';' || parameters === `1;${rows}`
        set('margins', !isWhole)
        return unusual.size === 0 && other === 'none' ? 'home' : 'mode'
      }
      if (marks === '' && final === 'g') return set('tabs', true)
      if (marks === '' && final === 'u' && parameters === '') return 'restore'
      if (marks === '!' && final === 'p') return 'restore'
      return isSilent(parameters, marks + final) ? 'nothing' : undefined
    },
    resize() {
      if (other === 'kept') other = 'changed'
      // They are of the size that was.
      if (unusual.has('margins')) unusual.add('margins of another size')
    },
    reset() {
      unusual.clear()
      other = 'none'
      keptStyle = undefined
    },
  }
}

/** Questions to the terminal, and how its keys, pointer and cursor work. */
function isSilent(parameters: string, final: string): boolean {
  if (final === 's' && parameters === '') return true
  if (final === 'u' || final === 'm') return /^[<=>?]/.test(parameters)
  return SILENT_ORDERS.has(final)
}

const SILENT_ORDERS: ReadonlySet<string> = new Set(['n', 'c', 't', ' q', 'q', '$p'])
const SILENT_ESCAPES: ReadonlySet<string> = new Set(['7', '=', '>', '\\', ' F', ' G', '%G'])
/** Of keys, the pointer, the cursor's look, pasted text, and frames that are shown at once. */
const SILENT_MODES: ReadonlySet<string> = new Set([
  '1',
  '4',
  '8',
  '9',
  '12',
  '25',
  '66',
  '1000',
  '1001',
  '1002',
  '1003',
  '1004',
  '1005',
  '1006',
  '1007',
  '1015',
  '1016',
  '1034',
  '1036',
  '1039',
  '2004',
  '2026',
  '2031',
])
