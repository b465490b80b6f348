import { entityBase } from '../../core/edge/envelope.ts'
import type { EdgeRouterRecord } from './edge-records.ts'
import { showRouter } from './edge-sessions.ts'
import type { EdgeTables } from './edge-tables.ts'
import { type EntityKind, NAMED_SYMBOLS } from './entity-kind.ts'
import { type EdgeRouterInput, edgeRouterInput } from './management-shapes.ts'

/** The hubs, each an edge router: who is one, the mesh says; what it is called and for whom, an administrator. */
export function edgeRouterKind(
  tables: Pick<EdgeTables, 'edgeRouters'>,
  hubNames: readonly string[],
): EntityKind<EdgeRouterRecord, EdgeRouterInput> {
  return {
    type: 'edge-routers',
    entities: tables.edgeRouters,
    input: edgeRouterInput,
    operations: ['replace'],
    symbols: {
      ...NAMED_SYMBOLS,
      roleAttributes: { type: 'string', isSet: true },
      cost: { type: 'number' },
      noTraversal: { type: 'boolean' },
      disabled: { type: 'boolean' },
    },
    make: (input, base) => ({
      ...base,
      name: input.name,
      roleAttributes: [...new Set(input.roleAttributes ?? [])],
      isTunnelerEnabled: false,
      cost: input.cost ?? 0,
      noTraversal: input.noTraversal ?? false,
      disabled: input.disabled ?? false,
    }),
    inputOf: ({ name, roleAttributes, cost, noTraversal, disabled, tags }) => ({
      name,
      roleAttributes,
      cost,
      noTraversal,
      disabled,
      tags,
    }),
    show: record => ({
      ...showRouter(record, hubNames),
      ...entityBase('edge-routers', record),
      isTunnelerEnabled: false,
    }),
  }
}
