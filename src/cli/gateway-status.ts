import { readFile } from 'node:fs/promises'
import { z } from 'zod'

/** What a gateway writes into its state folder when it is up. */
export type GatewayStatus = z.output<typeof statusShape>

const statusShape = z.object({ startedAtMs: z.number(), addresses: z.array(z.string()) })

/** Read it; undefined where there is none yet. @param file  `gateway.json` of the gateway's state folder */
export async function readGatewayStatus(file: string): Promise<GatewayStatus | undefined> {
  try {
    return statusShape.parse(JSON.parse(await readFile(file, 'utf8')))
  } catch {
    return undefined
  }
}

/** Its name in the state folder of a gateway. */
export const GATEWAY_STATUS_FILE = 'gateway.json'
