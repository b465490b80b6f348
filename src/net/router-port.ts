import { type Address, formatAddress } from '../core/model/address.ts'
import { MeshError, toMeshError } from '../core/model/errors.ts'
import { ipRange, parseIp } from '../core/model/ip-address.ts'
import { defaultGateway } from './default-gateway.ts'

/** A port of this computer that a router is to lead to from outside. */
export interface RouterPortWish {
  readonly protocol: 'tcp' | 'udp'
  readonly port: number
  /** The port outside, if it is free. */
  readonly outerPort: number
}

/** A port of a router that leads to this computer for a while. */
export interface RouterPort {
  readonly outer: Address
  readonly by: RouterLanguage
}

/** How the router was asked. */
export type RouterLanguage = 'nat-pmp' | 'upnp'

/**
 * Ask the router for a port, or for a port it gave once more, for `ROUTER_PORT_LIFE_S` seconds. Asked are the default
 * gateway by NAT-PMP, where this computer's system tells it (Linux), and then whichever answers to UPnP.
 *
 * Not two at once: the answers of NAT-PMP come to one port.
 *
 * @throws MeshError `unreachable` with what each of them said
 * @see docs/decisions/0023-nat-api.md
 */
export async function openRouterPort(wish: RouterPortWish): Promise<RouterPort> {
  const refusals: string[] = []
  for (const by of ['nat-pmp', 'upnp'] as const) {
    try {
      return { outer: await ask(by, wish), by }
    } catch (thrown) {
      refusals.push(`${by}: ${reasonOf(thrown)}`)
    }
  }
  throw new MeshError('unreachable', `Cannot map ${wish.protocol} port at the router: ${refusals.join('; ')}`)
}

/** Give a port back. @throws MeshError `unreachable` */
export async function closeRouterPort(wish: RouterPortWish, { by, outer }: RouterPort): Promise<void> {
  try {
    await (by === 'upnp' ? askByUpnp : askByNatPmp)({ ...wish, outerPort: outer.port }, true)
  } catch (thrown) {
    throw new MeshError('unreachable', `Cannot give back ${formatAddress(outer)}: ${reasonOf(thrown)}`)
  }
}

/** @throws Error of any kind */
async function ask(by: RouterLanguage, wish: RouterPortWish): Promise<Address> {
  if (by === 'nat-pmp') return askByNatPmp(wish)
  try {
    return await askByUpnp(wish)
  } catch (thrown) {
    // Somebody else's, most often: routers of this kind do not choose another by themselves.
    if (!/conflict/i.test(reasonOf(thrown))) throw thrown
    const other = FIRST_OTHER_PORT + Math.floor(Math.random() * OTHER_PORT_COUNT)
    return askByUpnp({ ...wish, outerPort: other })
  }
}

async function askByUpnp({ protocol, port, outerPort }: RouterPortWish, isClosing = false): Promise<Address> {
  // @ts-expect-error The package has no types.
  const { default: Client } = (await import('@silentbot1/nat-api/lib/upnp/index.js')) as {
    default: new () => UpnpClient
  }
  const client = new Client()
  // Anybody in the network can answer its question. What it then asks is to stay in this network.
  const find = client.findGateway.bind(client)
  client.findGateway = async () => {
    const found = await find()
    const ip = parseIp(new URL(found.gateway.url).hostname)
    if (ip === undefined || ipRange(ip) !== 'private') throw new Error('the router is not of this network')
    return found
  }
  const words = { public: outerPort, private: port, protocol: protocol.toUpperCase() }
  try {
    if (isClosing) await inTime(client.portUnmapping(words), UPNP_TIMEOUT_MS)
    else
      await inTime(
        client.portMapping({ ...words, description: 'ztm', ttl: ROUTER_PORT_LIFE_S }),
        UPNP_TIMEOUT_MS,
      )
    return readOuter(
      isClosing ? '' : await inTime(client.externalIp(), UPNP_TIMEOUT_MS),
      outerPort,
      isClosing,
    )
  } finally {
    await client.destroy().catch(() => {})
  }
}

async function askByNatPmp(
  { protocol, port, outerPort }: RouterPortWish,
  isClosing = false,
): Promise<Address> {
  const router = await defaultGateway()
  if (router === undefined) throw new Error('the default gateway is not known')
  // @ts-expect-error The package has no types.
  const { default: Client } = (await import('@silentbot1/nat-api/lib/pmp/index.js')) as {
    default: new (gateway: string) => NatPmpClient
  }
  // The library reads what anybody sends, and ends the process over what is too short.
  class CarefulClient extends Client {
    override onMessage(bytes: Buffer, from: { address: string }): void {
      if (from.address === router && isWholeAnswer(bytes)) super.onMessage(bytes, from)
    }
  }
  const client = new CarefulClient(router)
  const failed = new Promise<never>((_, reject) => client.on('error', reject))
  failed.catch(() => {})
  const within = <T>(asked: Promise<T>) => inTime(Promise.race([asked, failed]), NAT_PMP_TIMEOUT_MS)
  try {
    const words = { public: isClosing ? 0 : outerPort, private: port, type: protocol }
    const given = await within(client.portMapping({ ...words, ttl: isClosing ? 0 : ROUTER_PORT_LIFE_S }))
    return readOuter(isClosing ? '' : await within(client.externalIp()), given.public, isClosing)
  } finally {
    await client.close()
  }
}

/** RFC 6886, sections 3.2, 3.3 and 3.5: an answer is version, operation, result, time, and where it is good what was asked. */
function isWholeAnswer(bytes: Buffer): boolean {
  if (bytes.length < 8) return false
  if (bytes.readUInt16BE(2) !== 0) return true
  return bytes.length >= (bytes[1] === 128 ? 12 : 16)
}

function readOuter(host: string, port: number, isClosing: boolean): Address {
  if (!isClosing && parseIp(host)?.length !== 4) throw new Error('it does not know its outer address')
  return { host, port }
}

async function inTime<T>(asked: Promise<T>, timeoutMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs)
  })
  try {
    return await Promise.race([asked, late])
  } finally {
    clearTimeout(timer)
  }
}

/** What a router says comes from a stranger. */
function reasonOf(thrown: unknown): string {
  const { message } = thrown instanceof Error ? thrown : toMeshError(thrown)
  return message === 'timeout' ? 'no router answers' : message.slice(0, MAX_REASON_CHARACTERS)
}

/** What we use of the library's two halves. */
interface UpnpClient {
  findGateway(): Promise<{ readonly gateway: { readonly url: string }; readonly address: string }>
  portMapping(words: object): Promise<unknown>
  portUnmapping(words: object): Promise<unknown>
  externalIp(): Promise<string>
  destroy(): Promise<unknown>
}

interface NatPmpClient {
  on(event: 'error', listener: (error: Error) => void): void
  onMessage(bytes: Buffer, from: { address: string }): void
  portMapping(words: object): Promise<{ readonly public: number }>
  externalIp(): Promise<string>
  close(): Promise<void>
}

/** A router forgets a port after this time, in seconds, unless it is asked for again. */
export const ROUTER_PORT_LIFE_S = 3_600
const UPNP_TIMEOUT_MS = 4_000
const NAT_PMP_TIMEOUT_MS = 1_000
const MAX_REASON_CHARACTERS = 200
/** Asked for when the wanted one is taken: where systems hand out ports by themselves, few are forwarded by hand. */
const FIRST_OTHER_PORT = 40_000
const OTHER_PORT_COUNT = 20_000
