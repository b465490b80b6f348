import { MeshError } from '../model/errors.ts'
import { printable, quote } from '../model/quote.ts'
import { formatMoney, type Micros, type MoneyUnit, micros, parseMoney } from './money.ts'

/** What an account has for a service. */
export interface Balance {
  /** What can be spent now: the balance without what is held. */
  readonly available: Micros
  /** The least that a dial needs. */
  readonly minimum: Micros
  readonly currency: string
}

/** Why a dial was refused for lack of money. */
export interface BalanceShortage extends Balance {
  readonly service: string
}

/**
 * Read the answer to a question for the balance: `{balance, currency?, minimum?}` of the seed, or the superset with
 * `{service, user, holds, available}` that shops send. Other members are passed over.
 *
 * @param unit  what one stands for in it
 * @throws MeshError `billing-failed` if it is not of that form
 */
export function parseBalance(value: unknown, unit: MoneyUnit): Balance {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw bad('it is no object')
  const members = value as Record<string, unknown>
  const amount = (name: string): Micros | undefined => {
    const given = members[name]
    if (given === undefined || given === null) return undefined
    const parsed = parseMoney(given, unit)
    if (parsed === undefined) throw bad(`its ${name} is no amount`)
    return parsed
  }
  const balance = amount('balance')
  if (balance === undefined) throw bad('it has no balance')
  const holds = amount('holds') ?? 0
  if (holds < 0) throw bad('its holds are below zero')
  const free = micros(balance - holds)
  const available = amount('available') ?? free
  const { currency = 'USD' } = members
  if (typeof currency !== 'string' || !/^[A-Za-z]{3,8}$/.test(currency)) throw bad('its currency is no code')
  return {
    // A shop that says "available 0" of a balance below zero hides by how much: the lower one is true.
    available: micros(Math.min(available, free)),
    minimum: micros(Math.max(0, amount('minimum') ?? 0)),
    currency: currency.toUpperCase(),
  }
}

/** Whether a dial may go on: something is left, and at least the minimum. */
export function isEnough({ available, minimum }: Balance): boolean {
  return available > 0 && available >= minimum
}

/** The refusal of a dial; its cause is the `BalanceShortage`. */
export function insufficientBalance(service: string, balance: Balance): MeshError {
  const { available, minimum, currency } = balance
  const shortage: BalanceShortage = { service, available, minimum, currency }
  const need = minimum > 0 ? `, and at least ${formatMoney(minimum, currency)} is needed` : ''
  return new MeshError(
    'insufficient-balance',
    `Cannot dial ${quote(service)}: ${formatMoney(available, currency)} is left${need}: top up the account`,
    { cause: shortage },
  )
}

/** What was short, if that is why it failed and it was found out on this computer. */
export function shortageOf(error: MeshError): BalanceShortage | undefined {
  if (error.code !== 'insufficient-balance') return undefined
  const cause = error.cause as BalanceShortage | undefined
  return typeof cause?.available === 'number' ? cause : undefined
}

function bad(why: string): MeshError {
  return new MeshError('billing-failed', `Cannot read balance: ${printable(why, 128)}`)
}
