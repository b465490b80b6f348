import { Title } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { QUERIES } from '../api/queries.ts'
import { formatWhen } from '../parts/amounts.ts'
import { Listing } from '../parts/listing.tsx'
import { Loaded } from '../parts/loaded.tsx'
import { StateBadge } from '../parts/state-badge.tsx'
import { useNow } from '../parts/use-now.ts'
import { useTexts } from '../texts/texts.ts'

/** What this endpoint's trust rests on, and until when: its own certificate, the hubs', who signs them, and the root. */
export function CertificatesSection({ mesh }: { mesh: string }) {
  const { say, language } = useTexts()
  const own = useQuery(QUERIES.mesh(mesh))
  const hubs = useQuery(QUERIES.hubs(mesh))
  const now = useNow(10_000)
  const date = new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'short' })
  return (
    <section>
      <Title order={2} size="h3" mb="xs">
        {say('certificates.title')}
      </Title>
      <Loaded query={own}>
        {({ certificates }) => (
          <Listing
            label={say('certificates.title')}
            rows={[
              ...certificates.map(({ of, subject, fingerprint, expiresAtMs }) => ({
                of: say(`certificates.of.${of}`),
                subject,
                fingerprint,
                expiresAtMs,
              })),
              ...(hubs.data?.hubs ?? []).map(({ names, certificateExpiresAtMs }) => ({
                of: say('mesh.hub'),
                subject: names.join(', '),
                fingerprint: '',
                expiresAtMs: certificateExpiresAtMs,
              })),
            ]}
            keyOf={({ of, subject, fingerprint }) => `${of} ${subject} ${fingerprint}`}
            empty=""
            columns={[
              { title: say('certificates.whose'), cell: ({ of }) => of },
              { title: say('certificates.subject'), cell: ({ subject }) => subject },
              {
                title: say('certificates.ends'),
                cell: ({ expiresAtMs }) => (
                  <>
                    {date.format(expiresAtMs)}{' '}
                    <StateBadge mood={expiresAtMs - now < SOON_MS ? 'ill' : 'well'}>
                      {formatWhen(expiresAtMs, now, language)}
                    </StateBadge>
                  </>
                ),
              },
              { title: say('certificates.fingerprint'), cell: ({ fingerprint }) => fingerprint.slice(0, 23) },
            ]}
          />
        )}
      </Loaded>
    </section>
  )
}

/** All of them are renewed long before. */
const SOON_MS = 3_600_000
