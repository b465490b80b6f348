import { EDGE_KINDS, type EdgeKind } from '../../core/edge/edge-kinds.ts'
import { type Entity, memberOf, nameOf, rolesOf, textOf, textsOf } from '../../core/edge/entity-members.ts'
import type { Cli } from '../context.ts'
import type { ListView } from '../output/show.ts'
import type { Column, Field } from '../output/table.ts'
import { ago, moment, until } from '../output/words.ts'

/** How `ztm get KIND` prints the entities of a kind. */
export function edgeView(cli: Cli, kind: EdgeKind): ListView<Entity> {
  return { nameOf, columns: [...columnsOf(cli, kind), { title: 'ID', cell: ({ id }) => id }] }
}

type EntityColumn = Column<Entity>

function columnsOf(cli: Cli, kind: EdgeKind): EntityColumn[] {
  const name: EntityColumn = { title: 'NAME', cell: nameOf }
  const attributes = list('ATTRIBUTES', 'roleAttributes')
  const semantic = member('SEMANTIC', 'semantic')
  switch (kind) {
    case 'identity':
      return [
        name,
        member('TYPE', 'typeId', 'type'),
        { title: 'ADMIN', cell: ({ isAdmin }) => (isAdmin === true ? 'yes' : '') },
        attributes,
        member('EXTERNAL ID', 'externalId'),
        { title: 'STATUS', cell: ({ disabled }) => (disabled === true ? 'disabled' : 'enabled') },
      ]
    case 'service':
      return [name, attributes, member('STRATEGY', 'terminatorStrategy')]
    case 'policy':
      return [
        name,
        member('TYPE', 'type'),
        semantic,
        roles('IDENTITIES', 'identityRoles'),
        roles('SERVICES', 'serviceRoles'),
      ]
    case 'edge-router-policy':
      return [name, semantic, roles('IDENTITIES', 'identityRoles'), roles('ROUTERS', 'edgeRouterRoles')]
    case 'service-edge-router-policy':
      return [name, semantic, roles('SERVICES', 'serviceRoles'), roles('ROUTERS', 'edgeRouterRoles')]
    case 'edge-router':
      return [
        name,
        attributes,
        { title: 'STATUS', cell: ({ isOnline }) => (isOnline === true ? 'online' : 'offline') },
        member('COST', 'cost'),
      ]
    case 'signer':
      return [
        name,
        member('ISSUER', 'issuer'),
        member('AUDIENCE', 'audience'),
        { title: 'KEYS', cell: each => textOf(each.jwksEndpoint) ?? textOf(each.kid) },
        { title: 'STATUS', cell: ({ enabled }) => (enabled === true ? 'enabled' : 'disabled') },
      ]
    case 'auth-policy':
      return [name, { title: 'LOGINS', cell: allowedLogins }]
    case 'config':
      return [name, member('TYPE', 'configType.name', 'configTypeId')]
    case 'config-type':
      return [name, member('TARGET', 'target')]
    default:
      return namelessColumns(cli, kind)
  }
}

function namelessColumns(cli: Cli, kind: EdgeKind): EntityColumn[] {
  const identity = member('IDENTITY', 'identity.name', 'identityId')
  const service = member('SERVICE', 'service.name', 'serviceId')
  const made: EntityColumn = { title: 'MADE', cell: ({ createdAt }) => whenOf(createdAt, at => ago(cli, at)) }
  const expires: EntityColumn = {
    title: 'EXPIRES',
    cell: ({ expiresAt }) => whenOf(expiresAt, at => until(cli, at)),
  }
  switch (kind) {
    case 'enrollment':
      return [identity, member('METHOD', 'method'), made, expires]
    case 'authenticator':
      return [
        identity,
        member('METHOD', 'method'),
        member('LOGIN', 'username', 'prefix', 'fingerprint'),
        made,
      ]
    case 'terminator':
      return [
        service,
        member('HOST', 'host.name', 'hostId'),
        member('ROUTER', 'router.name', 'routerId'),
        member('PRECEDENCE', 'precedence'),
        member('COST', 'cost'),
        { title: 'STATUS', cell: hostingStatus },
      ]
    case 'session':
      return [service, member('TYPE', 'type'), identity, made]
    default:
      return [identity, member('ADDRESS', 'ipAddress'), made, expires]
  }
}

function hostingStatus({ isHosting, isOnline }: Entity): string {
  if (isHosting === false) return 'planned'
  return isOnline === true ? 'online' : 'offline'
}

function allowedLogins(entity: Entity): string {
  const names = { cert: 'cert', extJwt: 'ext-jwt', updb: 'password', apiKey: 'api-key' }
  return Object.entries(names)
    .filter(([login]) => memberOf(entity, `primary.${login}.allowed`) === true)
    .map(([, name]) => name)
    .join(',')
}

/** The first of several members that is there. */
function member(title: string, ...paths: readonly string[]): EntityColumn {
  return {
    title,
    cell(entity) {
      for (const path of paths) {
        const value = memberOf(entity, path)
        if (typeof value === 'number') return value
        if (typeof value === 'string' && value !== '') return value
      }
      return undefined
    },
  }
}

function list(title: string, path: string): EntityColumn {
  return { title, cell: entity => textsOf(memberOf(entity, path)).join(',') }
}

function roles(title: string, path: string): EntityColumn {
  return { title, cell: entity => rolesOf(entity, path).join(',') }
}

/** How `ztm describe KIND` prints an entity: every member that says something, in the controller's own words. */
export function edgeFields(cli: Cli, kind: EdgeKind, entity: Entity): Field[] {
  const [word] = EDGE_KINDS[kind].words
  const fields: Field[] = [
    [labelOf(word), nameOf(entity)],
    ['Id', entity.id],
  ]
  for (const [name, value] of Object.entries(entity)) {
    if (OWN_FIELDS.has(name) || name.endsWith('Display') || isEmpty(value)) continue
    // `identity` beside `identityId`: its name is enough, and its links are for programs.
    if (`${name}Id` in entity && memberOf(value, '_links') !== undefined) {
      fields.push([labelOf(name), textOf(memberOf(value, 'name'))])
    } else if (name.endsWith('Id') && memberOf(entity[name.slice(0, -2)], '_links') !== undefined) continue
    else if (name.endsWith('Roles')) fields.push([labelOf(name), rolesOf(entity, name)])
    else fields.push([labelOf(name), fieldValue(cli, name, value)])
  }
  return fields
}

function fieldValue(cli: Cli, name: string, value: unknown): string | number | string[] {
  if (typeof value === 'number') return value
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  if (typeof value === 'string') {
    if (!name.endsWith('At')) return value.includes('\n') ? value.trimEnd().split('\n') : value
    return whenOf(
      value,
      at => `${moment(at)} (${at > cli.world.clock.now() ? until(cli, at) : ago(cli, at)})`,
    )
  }
  return linesOf(value, '')
}

/** An object or list, a line for each thing in it: `extJwt.allowed: yes`. */
function linesOf(value: unknown, path: string): string[] {
  if (Array.isArray(value) && value.every(each => typeof each === 'string'))
    return path === '' ? value : [`${path}: ${value.join(', ') || '(none)'}`]
  if (typeof value !== 'object' || value === null) {
    const shown =
      typeof value === 'boolean' ? (value ? 'yes' : 'no') : value === null ? '(none)' : String(value)
    return [path === '' ? shown : `${path}: ${shown}`]
  }
  return Object.entries(value).flatMap(([name, each]) =>
    linesOf(each, path === '' ? name : `${path}.${name}`),
  )
}

function whenOf(value: unknown, write: (atMs: number) => string): string {
  const at = typeof value === 'string' ? Date.parse(value) : Number.NaN
  return Number.isNaN(at) ? '-' : write(at)
}

function isEmpty(value: unknown): boolean {
  if (value === null || value === undefined || value === '') return true
  return typeof value === 'object' && Object.keys(value).length === 0
}

/** `serviceRoles` as `Service roles`, `auth-policy` as `Auth policy`. */
function labelOf(name: string): string {
  return capitalize(
    name
      .replaceAll('-', ' ')
      .replace(/([a-z])([A-Z])/g, (_, before, after) => `${before} ${after.toLowerCase()}`),
  )
}

function capitalize(word: string): string {
  return `${word.charAt(0).toUpperCase()}${word.slice(1)}`
}

const OWN_FIELDS = new Set(['id', 'name', '_links', 'createdAt', 'updatedAt'])
