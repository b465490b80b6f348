import { z } from 'zod'
import { EDGE_CLIENT_PATH, EDGE_MANAGEMENT_PATH, EST_CACERTS_PATH } from '../../core/api/edge-path.ts'
import { EdgeError } from '../../core/edge/edge-error.ts'
import { describeEdgeApi } from '../../core/edge/edge-openapi.ts'
import { defineEdgeRoute, type EdgeRoute } from '../../core/edge/edge-route.ts'
import { entityBase, listEnvelope, oneEnvelope } from '../../core/edge/envelope.ts'
import { makeCertificatesOnly } from '../../pki/certificates-only.ts'
import { type EdgeHandlers, type ServedRoute, serveEdge } from './edge-call.ts'
import type { SignerRecord } from './edge-records.ts'
import type { EdgeTables } from './edge-tables.ts'
import { NAMED_SYMBOLS, pageOf } from './entity-kind.ts'

const anybody = { method: 'GET', needs: 'nothing' } as const

const OPEN_API = {
  root: defineEdgeRoute({ ...anybody, path: '/', summary: 'What controller this is', answer: 'one' }),
  version: defineEdgeRoute({
    ...anybody,
    path: '/version',
    summary: 'What controller this is',
    answer: 'one',
  }),
  protocols: defineEdgeRoute({
    ...anybody,
    path: '/protocols',
    summary: 'Where it is reached',
    answer: 'one',
  }),
  capabilities: defineEdgeRoute({
    ...anybody,
    path: '/enumerated-capabilities',
    summary: 'What it can beside what every controller can',
    answer: 'one',
  }),
  specs: defineEdgeRoute({ ...anybody, path: '/specs', summary: 'Documents of the API', answer: 'list' }),
  spec: defineEdgeRoute({ ...anybody, path: '/specs/{id}', summary: 'One of them', answer: 'one' }),
  specText: defineEdgeRoute({ ...anybody, path: '/specs/{id}/spec', summary: 'Its text', answer: 'raw' }),
  signers: defineEdgeRoute({
    ...anybody,
    path: '/external-jwt-signers',
    summary: 'Where to get tokens to log in with',
    answer: 'list',
    data: z.looseObject({ name: z.string() }),
  }),
  networkJwts: defineEdgeRoute({
    ...anybody,
    path: '/network-jwts',
    summary: 'Tokens by which to find the network',
    answer: 'list',
  }),
} as const

const CACERTS = defineEdgeRoute({
  ...anybody,
  path: EST_CACERTS_PATH,
  summary: 'Certificates of the authority, PKCS #7 in base64 (RFC 7030)',
  answer: 'raw',
})

/** What the routes that are open to anybody answer from. */
export interface OpenApiParts {
  readonly tables: Pick<EdgeTables, 'signers'>
  readonly version: string
  readonly rootPem: string
  /** Where agents and programs reach the hub: `host:port`. */
  readonly names: readonly string[]
}

/**
 * Routes that anybody may ask.
 *
 * @param described  all routes of this API, for its document
 */
export function serveOpenApi(
  parts: OpenApiParts,
  api: 'client' | 'management',
  described: () => readonly EdgeRoute[],
): ServedRoute[] {
  const { tables, names } = parts
  const title = `edge-${api}`
  const basePath = api === 'client' ? EDGE_CLIENT_PATH : EDGE_MANAGEMENT_PATH
  const version = () => ({ body: oneEnvelope(describeVersion(parts)) })
  const spec = { ...entityBase('specs', { id: title, createdAtMs: 0, updatedAtMs: 0 }), name: title }
  const requireSpec = (id: string | undefined) => {
    if (id !== title) throw new EdgeError('NOT_FOUND', `There is one document: ${title}`)
  }
  let document: object | undefined
  const handlers: EdgeHandlers<typeof OPEN_API> = {
    root: version,
    version,
    protocols: () => ({ body: oneEnvelope({ https: { address: names[0] ?? '' } }) }),
    capabilities: () => ({ body: oneEnvelope([]) }),
    specs: () => ({ body: listEnvelope([spec], { limit: 10, offset: 0, totalCount: 1 }, ['id', 'name']) }),
    spec({ params }) {
      requireSpec(params.id)
      return { body: oneEnvelope(spec) }
    },
    specText({ params }) {
      requireSpec(params.id)
      document ??= describeEdgeApi(title, basePath, described())
      return { body: document }
    },
    signers: ({ query, now }) =>
      pageOf(
        { symbols: NAMED_SYMBOLS, show: showSigner },
        tables.signers.list().filter(isOffered),
        query,
        now,
      ),
    networkJwts: () => ({ body: listEnvelope([], { limit: 10, offset: 0, totalCount: 0 }, ['name']) }),
  }
  return [...serveEdge(OPEN_API, handlers), serveCacerts(parts.rootPem)]
}

/** `/.well-known/est/cacerts`, below an API or at the root of the server. */
export function serveCacerts(rootPem: string): ServedRoute {
  const text = `${makeCertificatesOnly(rootPem).toString('base64').replace(/.{64}/g, '$&\n')}\n`
  const headers = { 'content-type': 'application/pkcs7-mime', 'content-transfer-encoding': 'base64' }
  return { route: CACERTS, handler: () => ({ body: text, headers }) }
}

function describeVersion({ version, names }: OpenApiParts): object {
  const at = (path: string) => ({ v1: { path, apiBaseUrls: names.map(name => `https://${name}${path}`) } })
  return {
    version: `v${version}`,
    revision: '',
    buildDate: '',
    runtimeVersion: process.version,
    capabilities: [],
    apiVersions: {
      edge: at(EDGE_CLIENT_PATH),
      'edge-client': at(EDGE_CLIENT_PATH),
      'edge-management': at(EDGE_MANAGEMENT_PATH),
    },
  }
}

function isOffered({ enabled }: SignerRecord): boolean {
  return enabled
}

/** What a client needs to get a token; not how it is checked. */
function showSigner(record: SignerRecord): object {
  const { name, externalAuthUrl, clientId, scopes, audience, targetToken, issuer } = record
  return {
    ...entityBase('external-jwt-signers', record),
    name,
    externalAuthUrl: externalAuthUrl ?? null,
    openIdConfigurationUrl: `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`,
    clientId: clientId ?? null,
    scopes,
    audience,
    targetToken,
    enrollToCertEnabled: record.enrollToCertEnabled,
    enrollToTokenEnabled: record.enrollToTokenEnabled,
  }
}
