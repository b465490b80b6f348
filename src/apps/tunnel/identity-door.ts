import { z } from 'zod'
import { formatAddress } from '../../core/model/address.ts'
import { type MeshError, toMeshError } from '../../core/model/errors.ts'
import type { Json } from '../../core/model/store.ts'
import type { Host, Listener, TcpConnection } from '../../sdk/app.ts'
import { createExclusive } from '../../sdk/for-apps/exclusive.ts'
import type { IdentityKeys } from './http-messages.ts'
import { IDENTITY_HEADER, type IdentityTokens } from './identity-tokens.ts'
import { listenShape } from './messages.ts'

/** Shows the public keys of callers' identities: to whoever asks the app, and at an address where targets can fetch them. */
export interface IdentityDoor extends AsyncDisposable {
  describe(): Promise<IdentityKeys>
  /** @throws MeshError `port-in-use`, `not-permitted`, `storage-full`; then all is as before */
  change(change: {
    listen?: z.output<typeof listenShape> | null | undefined
    rotate?: true | undefined
  }): Promise<IdentityKeys>
}

const recordShape = z.strictObject({ version: z.literal(1), listen: listenShape.optional() })
type Place = z.output<typeof listenShape>

/** Open the door where it was. */
export async function openIdentityDoor(host: Host, tokens: IdentityTokens): Promise<IdentityDoor> {
  const exclusive = createExclusive()
  const kept = recordShape.safeParse(await host.storage.get(KEY))
  let place: Place | undefined = kept.success ? kept.data.listen : undefined
  let listener: Listener | undefined
  let error: MeshError | undefined
  let openCount = 0

  async function listen(at: Place | undefined): Promise<Listener | undefined> {
    if (at === undefined) return undefined
    return await host.listenTcp({ host: at.ip, port: at.port }, connection => {
      openCount += 1
      connection.once('close', () => {
        openCount -= 1
      })
      if (openCount > MAX_CONNECTIONS) connection.reset()
      else answer(host, connection, () => JSON.stringify(tokens.jwks()))
    })
  }

  function describe(): IdentityKeys {
    return {
      issuer: tokens.issuer,
      header: IDENTITY_HEADER,
      jwks: tokens.jwks(),
      ...(place && {
        listen: {
          ...place,
          port: listener?.address.port ?? place.port,
          isOpen: listener !== undefined,
          ...(error && { error: error.message }),
        },
      }),
    }
  }

  async function move(next: Place | undefined): Promise<void> {
    const isSame = place?.ip === next?.ip && place?.port === next?.port && listener !== undefined
    const opened = isSame ? listener : await listen(next)
    const chosen = next && opened && { ...next, port: opened.address.port }
    try {
      await host.storage.put(KEY, { version: 1, ...(chosen && { listen: chosen }) } as Json)
    } catch (thrown) {
      if (!isSame) await opened?.[Symbol.asyncDispose]()
      throw thrown
    }
    if (!isSame) await listener?.[Symbol.asyncDispose]()
    listener = opened
    place = chosen
    error = undefined
  }

  try {
    listener = await listen(place)
  } catch (thrown) {
    error = toMeshError(thrown)
    host.log.warn('tunnel.identity-keys-closed', {
      at: place && formatAddress({ host: place.ip, port: place.port }),
      reason: error.message,
    })
  }
  return {
    async describe() {
      await tokens.prepare()
      return describe()
    },
    change: change =>
      exclusive.run(KEY, async () => {
        await tokens.prepare()
        if (change.listen !== undefined) await move(change.listen ?? undefined)
        if (change.rotate === true) await tokens.rotate()
        return describe()
      }),
    async [Symbol.asyncDispose]() {
      await exclusive.whenIdle()
      await listener?.[Symbol.asyncDispose]()
    },
  }
}

/** Answer one request, whatever it asks for but the method and path of the keys with 404. */
function answer(host: Host, connection: TcpConnection, keys: () => string): void {
  connection.on('error', () => {})
  const cancel = host.after(HEAD_TIMEOUT_MS, () => connection.reset())
  connection.once('close', cancel)
  let head = ''
  connection.on('data', (chunk: Buffer) => {
    if (head.length > MAX_HEAD_CHARACTERS) return
    head += chunk.toString('latin1')
    const isWhole = head.includes('\r\n\r\n')
    if (!isWhole && head.length <= MAX_HEAD_CHARACTERS) return
    const isKeys = isWhole && /^GET \/\.well-known\/jwks\.json(?:\?\S*)? HTTP\/1\.[01]\r\n/.test(head)
    const status = isKeys ? '200 OK' : isWhole ? '404 Not Found' : '431 Request Header Fields Too Large'
    head = ' '.repeat(MAX_HEAD_CHARACTERS + 1)
    const body = isKeys ? keys() : ''
    connection.end(
      `HTTP/1.1 ${status}\r\ncontent-type: application/jwk-set+json\r\ncache-control: max-age=300\r\n` +
        `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
    )
  })
}

const KEY = 'identity-door'
const MAX_CONNECTIONS = 64
const MAX_HEAD_CHARACTERS = 8_192
const HEAD_TIMEOUT_MS = 5_000
