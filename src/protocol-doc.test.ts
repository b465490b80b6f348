import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { z } from 'zod'
import { type HubEvent, MAX_EVENT_BYTES, parseHubEvent } from './core/api/events.ts'
import { CONTROLLER_API, EVENTS_PATH, HUB_API, PUBLIC_API } from './core/api/hub-api.ts'
import { PEER_API, PORT_HEADER, SESSION_TICKET_HEADER } from './core/api/peer-api.ts'
import { RELAY_HUB_API } from './core/api/relay-hub-api.ts'
import {
  accessShape,
  endpointIdShape,
  endpointShape,
  errorShape,
  evictionShape,
  groupShape,
  hostingShape,
  hubIdShape,
  hubShape,
  invitationShape,
  logLinesShape,
  meshIdShape,
  msShape,
  nameShape,
  pemShape,
  rankShape,
  serviceNameShape,
  serviceShape,
  userInfoShape,
  userShape,
} from './core/api/shapes.ts'
import { createDatagramDecoder, MAX_DATAGRAM_BYTES } from './core/codec/datagram.ts'
import { decodeEcho, ECHO_BYTES } from './core/codec/echo.ts'
import { decodeProbe, PROBE_BYTES } from './core/codec/probe.ts'
import { decodeRelayPreface, RELAY_PREFACE_BYTES } from './core/codec/relay-preface.ts'
import { decodeEnvelope, encodeEnvelope, type ZapEnvelope } from './core/codec/zap-envelope.ts'
import { createZapFrameDecoder, MAX_ZAP_FRAME_BYTES } from './core/codec/zap-frame.ts'
import { LINK_TIMES } from './core/link/link.ts'
import { MAX_SKEW_MS } from './core/model/clock-skew.ts'
import { parseErrorBody } from './core/model/errors.ts'
import { parseHubId } from './core/model/ids.ts'
import { parseServiceName, parseUserName } from './core/model/names.ts'
import { parsePermit, parsePermitLink } from './core/model/permit.ts'
import { type EndpointIdentity, parseSpiffeId } from './core/model/spiffe-id.ts'
import { ms } from './core/model/time.ts'
import { REGISTRY_LIMITS } from './core/registry/registry.ts'
import { FLOW_HEADER } from './core/stream/flow-header.ts'
import { createStreamRecordDecoder } from './core/stream/stream-record.ts'
import { MEMBER_SESSION_LIMITS } from './hub/member-sessions.ts'
import { HUB_PORT_LIMITS } from './net/hub-port.ts'
import { KEEP_ALIVE, SILENCE_MS } from './net/keep-alive.ts'
import { REQUEST_TIMES } from './net/serve-http2.ts'
import { TLS_OPTIONS } from './net/tls-options.ts'
import { openAuthority } from './pki/authority.ts'
import { BACKDATE_MS } from './pki/certificate-maker.ts'
import { createKeyPair } from './pki/key-pair.ts'
import {
  CLOCK_TOLERANCE_MS,
  MAX_SESSION_TICKET_CHARACTERS,
  SESSION_TICKET_VALID_MS,
  sealSessionTicket,
} from './pki/session-ticket.ts'
import { EARLY_BYTES } from './sdk/app.ts'
import { describeShape } from './testing/describe-shape.ts'
import { readSources } from './testing/house/source-file.ts'
import { formatRouteTable, formatTable } from './testing/route-table.ts'
import { createSecretMemory } from './testing/secret-memory.ts'

const root = join(import.meta.dirname, '..')
const PATH = join(root, 'docs/protocol.md')
const text = readFileSync(PATH, 'utf8')

/** Shapes that the tables tell by name, because everybody knows them or because the document describes them. */
const PLAIN: readonly (readonly [z.ZodType, string])[] = [
  [nameShape, 'Name'],
  [userShape, 'User'],
  [serviceNameShape, 'ServiceName'],
  [meshIdShape, 'MeshId'],
  [endpointIdShape, 'EndpointId'],
  [hubIdShape, 'HubId'],
  [pemShape, 'PEM'],
  [msShape, 'ms'],
]
const DESCRIBED: readonly (readonly [z.ZodType, string])[] = [
  [endpointShape, 'Endpoint'],
  [serviceShape, 'Service'],
  [hostingShape, 'Hosting'],
  [accessShape, 'Access'],
  [rankShape, 'Rank'],
  [hubShape, 'Hub'],
  [userInfoShape, 'UserInfo'],
  [invitationShape, 'Invitation'],
  [evictionShape, 'Eviction'],
  [groupShape, 'Group'],
  [logLinesShape, 'LogLines'],
]
const NAMES = new Map<z.core.$ZodType, string>([...PLAIN, ...DESCRIBED])

const MADE: Readonly<Record<string, () => string>> = {
  controller: () => formatRouteTable(CONTROLLER_API, NAMES),
  hub: () => formatRouteTable(HUB_API, NAMES),
  'relay-hub': () => formatRouteTable(RELAY_HUB_API, NAMES),
  public: () => formatRouteTable(PUBLIC_API, NAMES),
  peer: () => formatRouteTable(PEER_API, NAMES),
  shapes: () =>
    formatTable([
      ['Shape', 'Members'],
      ...DESCRIBED.map(([shape, name]) => {
        const others = new Map([...NAMES].filter(([other]) => other !== shape))
        return [`\`${name}\``, `\`${describeShape(shape, others)}\``]
      }),
    ]),
}

test('docs/protocol.md has the routes and shapes of the code; UPDATE_DOCS=1 writes them', () => {
  let expected = text
  for (const [name, make] of Object.entries(MADE)) {
    const begin = `<!-- made by src/protocol-doc.test.ts: ${name} -->`
    const part = new RegExp(`${begin}\n[^]*?<!-- end -->`)
    assert.ok(part.test(text), `docs/protocol.md: "${begin}" is gone`)
    expected = expected.replace(part, () => `${begin}\n\n${make()}\n\n<!-- end -->`)
  }
  if (process.env.UPDATE_DOCS === '1') writeFileSync(PATH, expected)
  else if (text !== expected)
    assert.fail('docs/protocol.md: tables differ from the code: UPDATE_DOCS=1 node --test this file')
})

test('every reference to docs/protocol.md names one of its headings', () => {
  const headings = new Set([...text.matchAll(/^##+ (.*)$/gm)].map(([, heading]) => heading))
  const references = readSources(root, 'src')
    .filter(({ path }) => path !== 'src/protocol-doc.test.ts')
    .flatMap(file =>
      [...file.text.matchAll(/docs\/protocol\.md(?:[,:]? "([^"]+)")?/g)].map(([, heading]) => ({
        path: file.path,
        heading,
      })),
    )
  assert.ok(references.length >= 7, `only ${references.length} references were found`)
  assert.deepEqual(
    references.filter(({ heading }) => heading === undefined || !headings.has(heading)),
    [],
  )
})

test('every "See" within docs/protocol.md names one of its headings', () => {
  const headings = new Set([...text.matchAll(/^##+ (.*)$/gm)].map(([, heading]) => heading))
  const named = [...text.matchAll(/(?:[Ss]ee|by|as in) "([^"]+)"/g)].map(([, heading = '']) => heading)
  assert.ok(named.length > 5)
  assert.deepEqual(
    named.filter(heading => !headings.has(heading)),
    [],
  )
})

/** The fenced example of that name. */
function example(info: string): string {
  const found = new RegExp(`^\`\`\`${info}\n([^]*?)\n\`\`\`$`, 'm').exec(text)?.[1]
  assert.ok(found !== undefined, `docs/protocol.md: no example \`\`\`${info}`)
  return found
}

/** Bytes of an example in hex with comments. */
function hexExample(info: string): Buffer {
  return Buffer.from(example(info).replace(/#.*$/gm, '').replace(/\s/g, ''), 'hex')
}

test('docs/protocol.md shows permits and links that are read', () => {
  const permit = parsePermit(example('json permit'))
  const link = parsePermitLink(example('text link'))
  assert.deepEqual([link.bootstraps, link.token], [permit.bootstraps, permit.token])
})

test('docs/protocol.md shows every event of a link, as it is read, and explains it', () => {
  // Written so that an event more does not compile until it is named here.
  const kinds: Record<HubEvent['event'], true> = {
    hello: true,
    introduce: true,
    meet: true,
    evicted: true,
    'eviction-undone': true,
    removed: true,
    'services-changed': true,
    'hosting-ended': true,
    'access-revoked': true,
    'groups-changed': true,
    'hubs-changed': true,
    closing: true,
    draining: true,
  }
  const events = example('ndjson events')
    .split('\n')
    .map(line => [JSON.parse(line), parseHubEvent(line)])
  for (const [shown, read] of events) assert.deepEqual(read, shown)
  assert.deepEqual(
    events.map(([, read]) => (read as HubEvent).event),
    Object.keys(kinds),
  )
  const explained = [...text.matchAll(/^\| `([a-z-]+)` +\| [^|]* +\|$/gm)].map(([, kind]) => kind)
  assert.deepEqual(explained, Object.keys(kinds))
})

test('docs/protocol.md shows a relay preface that is read, and the ticket of its event', () => {
  const result = decodeRelayPreface(hexExample('hex relay-preface'))
  assert.ok(result.state === 'done')
  assert.deepEqual([result.preface.side, result.rest.length], ['dial', 0])
  const introduce = example('ndjson events')
    .split('\n')
    .map(parseHubEvent)
    .find(event => event?.event === 'introduce')
  assert.equal(Buffer.from(result.preface.ticket).toString('base64url'), introduce?.ticket)
})

test('docs/protocol.md shows datagrams that are read', () => {
  const decoder = createDatagramDecoder()
  const payloads = decoder.push(hexExample('hex datagrams')).map(bytes => Buffer.from(bytes).toString())
  assert.deepEqual([payloads, decoder.pendingByteCount], [['hello', ''], 0])
})

test('docs/protocol.md shows a ZAP call that is read', () => {
  const [payload = new Uint8Array(0)] = createZapFrameDecoder().push(hexExample('hex zap-call'))
  const params = Uint8Array.of(1, 2, 3)
  const call: ZapEnvelope = { kind: 'call', id: 7, method: 'add', params, deadlineMs: 500, window: 0 }
  assert.deepEqual(encodeEnvelope(call), [new Uint8Array(hexExample('hex zap-call'))])
  assert.deepEqual(decodeEnvelope(new Uint8Array(payload)), call)
})

test('the records of a side stream in docs/protocol.md are read as the text says', () => {
  assert.deepEqual(createStreamRecordDecoder().push(hexExample('hex stream-records')), [
    { kind: 'received', stream: 5, position: 1_048_576 },
    { kind: 'ended', stream: 5, position: 10 },
    { kind: 'broken', stream: 5, position: 0 },
  ])
})

test('docs/protocol.md shows an echo and a probe that are read', () => {
  const seen = { host: '203.0.113.7', port: 4_660 }
  assert.deepEqual(decodeEcho(hexExample('hex echo')), {
    kind: 'answer',
    transaction: 0x0102030405060708n,
    seen,
  })
  assert.deepEqual(decodeProbe(hexExample('hex probe'))?.probe, {
    kind: 'pong',
    side: 'accept',
    introduction: '0102030405060708',
    transaction: 42,
    seen,
  })
  assert.match(text, new RegExp(`datagrams of ${ECHO_BYTES} and ${PROBE_BYTES} bytes`))
})

test('docs/protocol.md shows an error body that is read', () => {
  const error = parseErrorBody(JSON.parse(example('json error')))
  assert.deepEqual(error?.toBody(), JSON.parse(example('json error')))
})

test('docs/protocol.md shows the session ticket that is made', async () => {
  const claims = JSON.parse(example('json ticket-claims'))
  const header = JSON.parse(example('json ticket-header'))
  const hub = parseSpiffeId(claims.iss)
  assert.ok(hub.kind === 'hub')
  const { privateKeyPem, publicKeyPem } = await createKeyPair()
  const authority = await openAuthority({ folder: createSecretMemory(), now: claims.iat * 1_000 })
  const identity = { kind: 'hub', mesh: authority.mesh, hub: parseHubId(hub.hub) } as const
  const { chainPem } = await authority.issue({ identity, publicKeyPem, validMs: 60_000 }, claims.iat * 1_000)
  const { ticket } = await sealSessionTicket(
    { chainPem, privateKeyPem },
    {
      hub,
      dialler: parseSpiffeId(claims.sub) as EndpointIdentity,
      service: parseServiceName(claims.svc),
      owner: parseUserName(claims.own),
      id: claims.jti,
    },
    ms(claims.iat * 1_000),
  )
  const [madeHeader, madeClaims] = ticket
    .split('.')
    .slice(0, 2)
    .map(part => JSON.parse(Buffer.from(part, 'base64url').toString()))
  assert.deepEqual(madeClaims, claims)
  assert.deepEqual({ ...madeHeader, x5c: madeHeader.x5c.length }, { ...header, x5c: header.x5c.length })
})

test('docs/protocol.md says the numbers and names of the code', () => {
  const seconds = (span: number) => `${span / 1_000} s`
  const minutes = (span: number) => `${span / 60_000} minutes`
  const facts: readonly (readonly [heading: string, says: string])[] = [
    ['Identities', `begins ${minutes(BACKDATE_MS)} before`],
    ['Hub port', `first byte\nwithin ${seconds(HUB_PORT_LIMITS.firstByteTimeoutMs)}`],
    ['Hub port', `known within ${seconds(HUB_PORT_LIMITS.strangerTimeoutMs)}`],
    ['TLS', TLS_OPTIONS.ecdhCurve.split(':').join(', ')],
    ['Link', `GET ${EVENTS_PATH}`],
    ['Link', `${MEMBER_SESSION_LIMITS.maxSessionsPerEndpoint} connections`],
    ['Link', `after ${LINK_TIMES.firstRetryMs} ms`],
    ['Link', `up for ${seconds(LINK_TIMES.stableMs)}`],
    ['Link', `up to ${seconds(LINK_TIMES.longestRetryMs)}`],
    ['Link', `waits ${seconds(LINK_TIMES.refusedRetryMs)}`],
    ['Events', `at most ${MAX_EVENT_BYTES / 1_048_576} MiB`],
    ['Requests', `within ${seconds(REQUEST_TIMES.bodyTimeoutMs)}`],
    ['Requests', `within ${seconds(REQUEST_TIMES.answerTimeoutMs)}`],
    ['Joining', `more than ${minutes(MAX_SKEW_MS)} off`],
    ['Ticket relay', `preface of ${RELAY_PREFACE_BYTES} bytes`],
    ['Ticket relay', `good for ${seconds(REGISTRY_LIMITS.ticketLifeMs)}`],
    ['Opening a stream', `${SESSION_TICKET_HEADER} `],
    ['Opening a stream', `${PORT_HEADER} `],
    ['Opening a stream', `up to ${EARLY_BYTES / 1_024} KiB`],
    ['Session ticket', `${MAX_SESSION_TICKET_CHARACTERS.toLocaleString('en')} characters`],
    [
      'Session ticket',
      `good for ${seconds(SESSION_TICKET_VALID_MS)}, and ${seconds(CLOCK_TOLERANCE_MS)} more`,
    ],
    ['Datagrams', `0 to ${MAX_DATAGRAM_BYTES}`],
    ['ZAP', `0 to ${MAX_ZAP_FRAME_BYTES}`],
    ['Datagrams beside a session', `${FLOW_HEADER} `],
    ['Keep-alive', `every ${seconds(KEEP_ALIVE.intervalMs)}`],
    ['Keep-alive', `within ${seconds(KEEP_ALIVE.timeoutMs)}`],
    ['Keep-alive', `no PING for ${seconds(SILENCE_MS)}`],
  ]
  const words = (part: string) => part.replace(/\s+/g, ' ')
  const section = (heading: string) => words(text.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? '')
  assert.deepEqual(
    facts.filter(([heading, says]) => !section(heading).includes(words(says))),
    [],
  )
  // Every code that an answer may carry is one there is: kept by the routes' types. The one that is shown is checked.
  assert.ok(errorShape.safeParse(JSON.parse(example('json error'))).success)
})
