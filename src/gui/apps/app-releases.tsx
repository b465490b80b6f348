import { Title } from '@mantine/core'
import { type UseQueryResult, useQuery } from '@tanstack/react-query'
import { AGENT_API } from '../../core/api/agent-api.ts'
import type { ReleaseInfo } from '../../core/api/catalogue-api.ts'
import { isNewer } from '../../core/app/release.ts'
import type { AppPlace } from '../api/app-queries.ts'
import { call } from '../api/call.ts'
import { QUERIES } from '../api/queries.ts'
import { ActionButton } from '../parts/action-button.tsx'
import { formatBytes, formatWhen } from '../parts/amounts.ts'
import { Listing } from '../parts/listing.tsx'
import { Loaded } from '../parts/loaded.tsx'
import { useNow } from '../parts/use-now.ts'
import { useTexts } from '../texts/texts.ts'

/** All releases of an app, the highest first; one's own can be taken back. */
export function AppReleases({
  place,
  query,
}: {
  place: AppPlace
  query: UseQueryResult<{ releases: ReleaseInfo[] }>
}) {
  const { say, language } = useTexts()
  const now = useNow(30_000)
  const me = useQuery(QUERIES.mesh(place.mesh)).data?.endpoint.user
  return (
    <>
      <Title order={2} size="h3">
        {say('app.releases')}
      </Title>
      <Loaded query={query}>
        {({ releases }) => (
          <Listing<ReleaseInfo>
            label={say('app.releases')}
            rows={releases.toSorted((a, b) => (isNewer(a.version, b.version) ? -1 : 1))}
            keyOf={({ version, channel }) => `${version}@${channel}`}
            empty={say('app.catalogueNone')}
            columns={[
              { title: say('app.version'), cell: ({ version }) => version },
              { title: say('app.channel'), cell: ({ channel }) => channel },
              { title: say('app.size'), cell: ({ sizeBytes }) => formatBytes(sizeBytes, language) },
              {
                title: say('app.published'),
                cell: ({ publishedAtMs }) => formatWhen(publishedAtMs, now, language),
              },
              {
                title: '',
                cell: ({ version, channel, isWithdrawn }) =>
                  isWithdrawn
                    ? say('app.withdrawn')
                    : place.provider === me && (
                        <ActionButton
                          label={`${say('app.unpublish')} ${version}`}
                          question={say('app.unpublishAsk', { version })}
                          run={() =>
                            call(AGENT_API.unpublishApp, {
                              params: { ...place },
                              query: { version, channel },
                            })
                          }
                        >
                          {say('app.unpublish')}
                        </ActionButton>
                      ),
              },
            ]}
          />
        )}
      </Loaded>
    </>
  )
}
