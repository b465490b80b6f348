import { type Command, InvalidArgumentError, Option } from 'commander'
import type { MoneyUnit } from '../core/billing/money.ts'
import { integerOption } from './global-options.ts'
import type { CommerceOptions } from './run-options.ts'

/** What may be told a hub of who pays, parsed. */
export interface BillingWords {
  readonly commerceUrl?: string
  readonly commerceTokenFile?: string
  /** Seconds. */
  readonly billingRecheck?: number
  readonly billingUnit?: MoneyUnit
}

/** Give a command the options of a hub that say who pays. */
export function addBillingOptions(command: Command): void {
  command
    .option(
      '--commerce-url <url>',
      'dials are paid for: where balances are kept and usage is charged',
      urlOption,
    )
    .option('--commerce-token-file <file>', 'the token to show there; ZTM_COMMERCE_TOKEN if left out')
    .option(
      '--billing-recheck <seconds>',
      'how often the balance is asked for while a service is in use (default: 300)',
      integerOption([1, 86_400]),
    )
    .addOption(
      new Option('--billing-unit <unit>', 'what one stands for in balances (default: major)').choices([
        'major',
        'cents',
      ]),
    )
}

/** The options as words again, for a service's unit. */
export function billingArguments(words: BillingWords): string[] {
  const { commerceUrl, commerceTokenFile, billingRecheck, billingUnit } = words
  return [
    ...(commerceUrl === undefined ? [] : ['--commerce-url', commerceUrl]),
    ...(commerceTokenFile === undefined ? [] : ['--commerce-token-file', commerceTokenFile]),
    ...(billingRecheck === undefined ? [] : ['--billing-recheck', String(billingRecheck)]),
    ...(billingUnit === undefined ? [] : ['--billing-unit', billingUnit]),
  ]
}

/** What a hub is run with; undefined where dials are free. @param absolute  makes a path absolute */
export function commerceOptions(
  words: BillingWords,
  absolute: (path: string) => string,
): CommerceOptions | undefined {
  const { commerceUrl, commerceTokenFile, billingRecheck, billingUnit } = words
  if (commerceUrl === undefined) return undefined
  return {
    url: commerceUrl,
    ...(commerceTokenFile !== undefined && { tokenFile: absolute(commerceTokenFile) }),
    ...(billingRecheck !== undefined && { recheckMs: billingRecheck * 1_000 }),
    ...(billingUnit !== undefined && { unit: billingUnit }),
  }
}

function urlOption(text: string): string {
  if (URL.canParse(text) && /^https?:/i.test(text)) return text
  throw new InvalidArgumentError('write an address like https://api.example.com/commerce')
}
