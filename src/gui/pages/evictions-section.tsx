import { useQuery } from '@tanstack/react-query'
import { AGENT_API } from '../../core/api/agent-api.ts'
import { call } from '../api/call.ts'
import { QUERIES } from '../api/queries.ts'
import { ActionButton } from '../parts/action-button.tsx'
import { formatWhen } from '../parts/amounts.ts'
import { Listing } from '../parts/listing.tsx'
import { Loaded } from '../parts/loaded.tsx'
import { Name } from '../parts/name.tsx'
import { useNow } from '../parts/use-now.ts'
import { useTexts } from '../texts/texts.ts'

/** Who was put out of the mesh, and how to let them in again. */
export function EvictionsSection({ mesh }: { mesh: string }) {
  const { say, language } = useTexts()
  const now = useNow(30_000)
  const query = useQuery(QUERIES.evictions(mesh))
  return (
    <Loaded query={query}>
      {({ evictions }) => (
        <Listing
          label={say('users.evictions')}
          rows={evictions}
          keyOf={({ id }) => id}
          empty={say('eviction.none')}
          columns={[
            { title: say('user.name'), cell: ({ user }) => <Name>{user}</Name> },
            { title: say('endpoint.name'), cell: ({ endpoint }) => endpoint ?? say('eviction.all') },
            { title: say('eviction.when'), cell: ({ beforeMs }) => formatWhen(beforeMs, now, language) },
            { title: say('eviction.by'), cell: ({ by }) => <Name>{by}</Name> },
            { title: say('eviction.reason'), cell: ({ reason }) => reason && <Name>{reason}</Name> },
            {
              title: '',
              cell: ({ id, user }) => (
                <ActionButton
                  label={`${say('eviction.undo')} ${user}`}
                  run={() => call(AGENT_API.undoEviction, { params: { mesh, eviction: id } })}
                >
                  {say('eviction.undo')}
                </ActionButton>
              ),
            },
          ]}
        />
      )}
    </Loaded>
  )
}
