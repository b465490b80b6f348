import { EdgeError, fieldError } from '../../core/edge/edge-error.ts'
import { entityBase } from '../../core/edge/envelope.ts'
import type { HubId } from '../../core/model/ids.ts'
import type { EdgeRouterRecord } from './edge-records.ts'
import type { EdgeRouters } from './edge-routers.ts'
import type { EdgeTables } from './edge-tables.ts'
import { type EntityKind, NAMED_SYMBOLS } from './entity-kind.ts'
import { type EdgeRouterInput, edgeRouterInput } from './management-shapes.ts'

/**
 * The hubs, each an edge router: who is one, the mesh says; what it is called and for whom, an administrator.
 *
 * @param hub  the one whose controller this is: what is kept of it stays
 */
export function edgeRouterKind(
  tables: Pick<EdgeTables, 'edgeRouters'>,
  hub: { readonly id: HubId },
  routers: Pick<EdgeRouters, 'show'>,
): EntityKind<EdgeRouterRecord, EdgeRouterInput> {
  return {
    type: 'edge-routers',
    entities: tables.edgeRouters,
    input: edgeRouterInput,
    symbols: {
      ...NAMED_SYMBOLS,
      roleAttributes: { type: 'string', isSet: true },
      cost: { type: 'number' },
      noTraversal: { type: 'boolean' },
      disabled: { type: 'boolean' },
    },
    make(input, base, previous) {
      if (previous === undefined) {
        const reason = 'a hub is no edge router by being declared: start one, and it is here by itself'
        throw fieldError('name', reason, input.name)
      }
      return {
        ...base,
        name: input.name,
        roleAttributes: [...new Set(input.roleAttributes ?? [])],
        isTunnelerEnabled: false,
        cost: input.cost ?? 0,
        noTraversal: input.noTraversal ?? false,
        disabled: input.disabled ?? false,
      }
    },
    mayDelete(record) {
      const message =
        record.id === hub.id
          ? 'It is the hub that answers this: disable it (PATCH {"disabled": true}), or stop it'
          : 'It is a hub of the mesh: put it out with `ztm delete hub`, or disable it (PATCH {"disabled": true})'
      throw new EdgeError('ENTITY_CAN_NOT_BE_DELETED', message)
    },
    inputOf: ({ name, roleAttributes, cost, noTraversal, disabled, tags }) => ({
      name,
      roleAttributes,
      cost,
      noTraversal,
      disabled,
      tags,
    }),
    show: record => ({
      ...routers.show(record),
      ...entityBase('edge-routers', record),
      isTunnelerEnabled: false,
    }),
  }
}
