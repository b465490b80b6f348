import { Stack } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { AGENT_API } from '../../core/api/agent-api.ts'
import { call } from '../api/call.ts'
import { QUERIES } from '../api/queries.ts'
import { ActionButton } from '../parts/action-button.tsx'
import { formatWhen } from '../parts/amounts.ts'
import { Listing } from '../parts/listing.tsx'
import { Loaded } from '../parts/loaded.tsx'
import { Name } from '../parts/name.tsx'
import { StateBadge } from '../parts/state-badge.tsx'
import { useNow } from '../parts/use-now.ts'
import { useTexts } from '../texts/texts.ts'

/** The invitations of a mesh, what became of them, and how to take one back. */
export function InvitationsSection({ mesh }: { mesh: string }) {
  const { say, language } = useTexts()
  const now = useNow(30_000)
  const query = useQuery(QUERIES.invitations(mesh))
  return (
    <Stack>
      <Loaded query={query}>
        {({ invitations }) => (
          <Listing
            label={say('users.invitations')}
            rows={invitations}
            keyOf={({ id }) => id}
            empty={say('invitation.none')}
            columns={[
              { title: say('user.name'), cell: ({ user }) => <Name>{user}</Name> },
              {
                title: say('state.title'),
                cell: ({ state }) => (
                  <StateBadge mood={state === 'open' ? 'waiting' : 'resting'}>
                    {say(`invitation.state.${state}`)}
                  </StateBadge>
                ),
              },
              {
                title: say('invitation.expires'),
                cell: ({ expiresAtMs }) => formatWhen(expiresAtMs, now, language),
              },
              {
                title: '',
                cell: ({ id, user, state }) =>
                  state === 'open' && (
                    <ActionButton
                      label={`${say('invitation.revoke')} ${user}`}
                      run={() => call(AGENT_API.revokeInvitation, { params: { mesh, invitation: id } })}
                    >
                      {say('invitation.revoke')}
                    </ActionButton>
                  ),
              },
            ]}
          />
        )}
      </Loaded>
    </Stack>
  )
}
