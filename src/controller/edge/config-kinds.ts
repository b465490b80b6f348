import { z } from 'zod'
import { EdgeError, fieldError } from '../../core/edge/edge-error.ts'
import { entityBase, entityRef } from '../../core/edge/envelope.ts'
import { BUILT_IN_CONFIG_TYPES, type ConfigRecord, type ConfigTypeRecord } from './edge-records.ts'
import type { EdgeTables } from './edge-tables.ts'
import { type EntityKind, NAMED_SYMBOLS } from './entity-kind.ts'
import { type ConfigInput, type ConfigTypeInput, configInput, configTypeInput } from './management-shapes.ts'
import { refuseReferenced } from './role-references.ts'

/** What services are described by to those who use or host them. */
export function configKind(tables: EdgeTables): EntityKind<ConfigRecord, ConfigInput> {
  const { configs, configTypes, services, identities } = tables
  return {
    type: 'configs',
    entities: configs,
    input: configInput,
    symbols: { ...NAMED_SYMBOLS, configTypeId: { type: 'string' }, type: { type: 'string', read: typeOf } },
    make(input, base, previous) {
      if (previous !== undefined && previous.configTypeId !== input.configTypeId) {
        throw fieldError('configTypeId', 'it cannot change', input.configTypeId)
      }
      const type = configTypes.get(input.configTypeId)
      if (type === undefined)
        throw fieldError('configTypeId', 'there is no such config type', input.configTypeId)
      checkData(type, input.data)
      return { ...base, name: input.name, configTypeId: type.id, data: input.data }
    },
    inputOf: ({ name, configTypeId, data, tags }) => ({ name, configTypeId, data, tags }),
    mayDelete(record) {
      const users = [
        ...services.list().filter(({ configs: ids }) => ids.includes(record.id)),
        ...identities.list().filter(one => one.serviceConfigs.some(({ configId }) => configId === record.id)),
      ]
      refuseReferenced('The config', users)
    },
    show(record) {
      const type = configTypes.get(record.configTypeId)
      return {
        ...entityBase('configs', record),
        name: record.name,
        configTypeId: record.configTypeId,
        configType: entityRef('config-types', record.configTypeId, type?.name ?? ''),
        data: record.data,
      }
    },
  }
}

/** What configs may look like. */
export function configTypeKind(tables: EdgeTables): EntityKind<ConfigTypeRecord, ConfigTypeInput> {
  const { configs, configTypes } = tables
  return {
    type: 'config-types',
    entities: configTypes,
    input: configTypeInput,
    symbols: { ...NAMED_SYMBOLS, target: { type: 'string' } },
    make(input, base, previous) {
      if (previous !== undefined && isBuiltIn(previous)) {
        throw new EdgeError('ENTITY_CAN_NOT_BE_UPDATED', 'This config type is built in')
      }
      const schema = input.schema ?? { type: 'object' }
      if (schema.type !== 'object') throw fieldError('schema', 'it has to be the schema of an object')
      readSchema(schema)
      return { ...base, name: input.name, schema, target: input.target ?? 'service' }
    },
    inputOf: ({ name, schema, target, tags }) => ({ name, schema, target, tags }),
    mayDelete(record) {
      if (isBuiltIn(record)) {
        throw new EdgeError('ENTITY_CAN_NOT_BE_DELETED', 'This config type is built in')
      }
      refuseReferenced('The config type', configs.by('configTypeId', record.id))
    },
    show: record => ({
      ...entityBase('config-types', record),
      name: record.name,
      schema: record.schema,
      target: record.target,
    }),
  }
}

/** A JSON schema as something to check by. @throws EdgeError COULD_NOT_VALIDATE for one that is none */
function readSchema(schema: ConfigTypeRecord['schema']): z.ZodType {
  try {
    return z.fromJSONSchema(schema as Parameters<typeof z.fromJSONSchema>[0])
  } catch {
    throw fieldError('schema', 'it is no JSON schema that we understand')
  }
}

/** @throws EdgeError COULD_NOT_VALIDATE where the data of a config is not what its type wants */
function checkData({ schema, name }: ConfigTypeRecord, data: ConfigRecord['data']): void {
  const result = readSchema(schema).safeParse(data)
  if (result.success) return
  const [issue] = result.error.issues
  const field = ['data', ...(issue?.path ?? [])].join('.')
  throw fieldError(field, `not as ${name} wants it: ${issue?.message ?? 'it does not fit'}`)
}

function typeOf(record: unknown): string {
  return (record as ConfigRecord).configTypeId
}

function isBuiltIn({ id }: ConfigTypeRecord): boolean {
  return (BUILT_IN_CONFIG_TYPES as readonly string[]).includes(id)
}
