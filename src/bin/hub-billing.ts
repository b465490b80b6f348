import { readFile } from 'node:fs/promises'
import type { CommerceOptions } from '../cli/run-options.ts'
import type { BillingOptions } from '../controller/billing/billing.ts'
import { MeshError } from '../core/model/errors.ts'
import { createCommerceClient } from '../net/commerce-client.ts'

/**
 * The billing of a hub's controller: a connection to Commerce, and real timers. The token is read from its file for each
 * request, or taken from the environment variable `ZTM_COMMERCE_TOKEN`.
 *
 * @throws MeshError `bad-input` for the URL, `bad-usage` without a token
 */
export async function hubBilling({
  url,
  tokenFile,
  recheckMs = RECHECK_MS,
  unit,
}: CommerceOptions): Promise<BillingOptions> {
  const token = () => readToken(tokenFile)
  await token()
  return {
    commerce: createCommerceClient({
      url,
      token,
      timeoutMs: TIMEOUT_MS,
      ...(unit !== undefined && { unit }),
    }),
    recheckMs,
    after(ms, call) {
      const timer = setTimeout(call, ms)
      return () => clearTimeout(timer)
    },
    random: Math.random,
  }
}

async function readToken(file: string | undefined): Promise<string> {
  const fromEnvironment = process.env.ZTM_COMMERCE_TOKEN
  if (file === undefined && fromEnvironment !== undefined && fromEnvironment !== '') return fromEnvironment
  if (file === undefined) {
    throw new MeshError(
      'bad-usage',
      'Cannot bill: there is no token for Commerce: give --commerce-token-file, or set ZTM_COMMERCE_TOKEN',
    )
  }
  try {
    return (await readFile(file, 'utf8')).trim()
  } catch (cause) {
    throw new MeshError(
      'bad-usage',
      `Cannot read the token for Commerce from ${file}: ${(cause as Error).message}`,
      {
        cause,
      },
    )
  }
}

/** Less than agents wait for the answer to a dial (10 s), so that they learn what is wrong. */
const TIMEOUT_MS = 8_000
/** How often the balance of who has a service open is asked for. */
const RECHECK_MS = 300_000
