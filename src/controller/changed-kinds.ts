import type { ControllerChange } from '../core/api/controller.ts'
import type { ChangeKind } from '../core/edge/change-kinds.ts'
import type { UserName } from '../core/model/names.ts'
import type { Json, Store } from '../core/model/store.ts'
import type { Audience, KindChanges } from './kind-changes.ts'
import type { MemberViews } from './member-view.ts'
import type { MeshChanges } from './mesh-changes.ts'

/**
 * Note which kinds of things change: what is written to the store, what is told to hubs, and sessions, which nobody writes.
 *
 * @returns `note` for what no store knows of, and the end of it
 */
export function followKinds({
  store,
  onChange,
  kinds,
  views,
  changes,
}: {
  readonly store: Pick<Store, 'watch'>
  readonly onChange: (listener: (change: ControllerChange) => void) => () => void
  readonly kinds: Pick<KindChanges, 'note'>
  readonly views: Pick<MemberViews, 'changed' | 'noteUsage'>
  readonly changes: Pick<MeshChanges, 'changed'>
}): { note(kind: ChangeKind): void } & Disposable {
  const unsaid = { administrators: new Set<ChangeKind>(), everybody: new Set<ChangeKind>() }
  let soon: NodeJS.Immediate | undefined

  function say(): void {
    soon = undefined
    views.changed()
    for (const audience of ['administrators', 'everybody'] as const) {
      if (unsaid[audience].size > 0) kinds.note([...unsaid[audience]], audience)
      unsaid[audience].clear()
    }
    changes.changed()
  }

  /** Soon, as the store tells before what is in memory is another. */
  function note(changed: readonly ChangeKind[], audience: Audience): void {
    for (const kind of changed) unsaid[audience].add(kind)
    soon ??= setImmediate(say)
  }

  const ends = Object.entries(KINDS_OF).map(([prefix, { all = [], admins = [] }]) =>
    store.watch(`${prefix}/`, ({ value }) => {
      if (prefix === 'usage') views.noteUsage(usersOf(value))
      note(admins, 'administrators')
      if (all.length > 0) note(all, 'everybody')
    }),
  )
  // Health and ranks of hostings are not written down.
  ends.push(
    onChange(({ change }) => {
      if (change === 'services-changed' || change === 'hosting-ended')
        note(['service', 'terminator'], 'administrators')
      if (change === 'hubs-changed') note(['hub'], 'everybody')
    }),
  )
  return {
    note: kind => note([kind], 'administrators'),
    [Symbol.dispose]() {
      clearImmediate(soon)
      for (const end of ends) end()
    },
  }
}

/** Of which kinds the records below a word of the store are, for administrators, and for everybody, as all members see them alike. */
const KINDS_OF: Readonly<Record<string, { all?: readonly ChangeKind[]; admins?: readonly ChangeKind[] }>> = {
  'edge-identity': { admins: ['identity'] },
  'edge-service': { admins: ['service'] },
  'edge-service-policy': { admins: ['policy'] },
  'edge-router-policy': { admins: ['edge-router-policy'] },
  'edge-service-router-policy': { admins: ['service-edge-router-policy'] },
  'edge-router': { admins: ['edge-router'] },
  'edge-terminator': { admins: ['terminator'] },
  'edge-signer': { admins: ['signer'] },
  'edge-auth-policy': { admins: ['auth-policy'] },
  'edge-config-type': { admins: ['config-type'] },
  'edge-config': { admins: ['config'] },
  'edge-enrollment': { admins: ['enrollment', 'identity'] },
  'edge-authenticator': { admins: ['authenticator', 'identity'] },
  'edge-api-session': { admins: ['api-session', 'identity'] },
  hosting: { admins: ['service', 'terminator'] },
  // Endpoints are identities, too; that one changed is told of itself.
  endpoint: { admins: ['identity', 'user'] },
  group: { all: ['group', 'user'], admins: ['identity'] },
  role: { all: ['user'], admins: ['identity'] },
  eviction: { all: ['eviction', 'user'], admins: ['invitation'] },
  invitation: { admins: ['invitation', 'user'] },
  'relay-hub': { admins: ['hub', 'edge-router'] },
  usage: { admins: ['usage'] },
}

/** Who dialled a stream, and whose endpoint hosted it; nobody of a record that was let go. */
function usersOf(value: Json | undefined): UserName[] {
  const { dialler, host } = (value ?? {}) as { dialler?: { user?: UserName }; host?: { user?: UserName } }
  return [dialler?.user, host?.user].filter(user => user !== undefined)
}
