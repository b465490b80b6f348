/** An amount of money in millionths of a unit of its currency: an integer, so that sums are exact. */
export type Micros = number & { readonly __unit: 'micros' }

/** What one stands for in an amount of another system: a unit of the currency, or a hundredth of it. */
export type MoneyUnit = 'major' | 'cents'

/** A whole number of millionths as `Micros`. */
export function micros(value: number): Micros {
  return value as Micros
}

/**
 * Read an amount that another system sent as a JSON number.
 *
 * @returns the nearest whole number of millionths, halves away from zero; undefined for what is no number, or over
 *   nine thousand million units, where sums would not be exact any more
 */
export function parseMoney(value: unknown, unit: MoneyUnit): Micros | undefined {
  if (typeof value !== 'number' || !Number.isFinite(value)) return undefined
  const scaled = Math.abs(value) * MICROS_PER_UNIT[unit]
  // What a binary fraction is short of the decimal one that was meant (1.005 × 10⁶ is 1004999.9999999999) must not round down.
  const rounded = Math.floor(Number(scaled.toPrecision(15)) + 0.5)
  return Number.isSafeInteger(rounded) ? micros(value < 0 ? -rounded : rounded) : undefined
}

/** An amount as a number of `unit`s, for systems that want one. */
export function moneyNumber(amount: Micros, unit: MoneyUnit): number {
  return amount / MICROS_PER_UNIT[unit]
}

/** An amount for a person: `12.50 USD`, `-0.000001 USD`; at least two decimals, as many more as it needs. */
export function formatMoney(amount: Micros, currency: string): string {
  const digits = String(Math.abs(amount)).padStart(7, '0')
  const decimals = digits.slice(-6).replace(/0{1,4}$/, '')
  return `${amount < 0 ? '-' : ''}${digits.slice(0, -6)}.${decimals} ${currency}`
}

const MICROS_PER_UNIT = { major: 1_000_000, cents: 10_000 } as const
