import { Select, Stack, Title } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useParams } from '@tanstack/react-router'
import { useState } from 'react'
import { NETWORK_QUERIES } from '../api/network-queries.ts'
import { proxyQuery } from '../api/proxy-queries.ts'
import { QUERIES } from '../api/queries.ts'
import { Loaded, Unanswered } from '../parts/loaded.tsx'
import { ProxyEntry } from '../proxy/proxy-entry.tsx'
import { ProxyExit } from '../proxy/proxy-exit.tsx'
import { EntryRules, ExitRules } from '../proxy/proxy-rules.tsx'
import { ProxyTester } from '../proxy/proxy-tester.tsx'
import { useTexts } from '../texts/texts.ts'

/** The proxy of this computer, or of another endpoint of one's own: where programs come in, which way they leave, and who leaves here. */
export function ProxyPage() {
  const { say } = useTexts()
  const { mesh } = useParams({ from: '/$mesh' })
  const status = useQuery(QUERIES.status())
  return (
    <Stack>
      <Title order={1}>{say('proxy.title')}</Title>
      <Loaded query={status}>
        {({ meshes }) => {
          const here = meshes.find(one => one.name === mesh)?.endpoint
          return here === undefined ? null : <ProxyOf key={here.id} mesh={mesh} here={here} />
        }}
      </Loaded>
    </Stack>
  )
}

function ProxyOf({ mesh, here }: { mesh: string; here: { id: string; name: string; user: string } }) {
  const { say } = useTexts()
  const [at, setAt] = useState(here.id)
  const endpoints = useQuery(NETWORK_QUERIES.endpointsOf(mesh, here.user))
  const own = endpoints.data?.endpoints ?? []
  const name = own.find(({ id }) => id === at)?.name ?? here.name
  const place = { mesh, endpoint: { id: at, name, isLocal: at === here.id } }
  const query = useQuery(proxyQuery(place))
  return (
    <>
      <Unanswered query={endpoints} />
      {own.length > 1 && (
        <Select
          label={say('proxy.at')}
          data={own.map(({ id, name, isLocal }) => ({
            value: id,
            label: isLocal ? `${name} (${say('endpoint.local')})` : name,
          }))}
          value={at}
          onChange={id => setAt(id ?? here.id)}
          allowDeselect={false}
          searchable
          maw={320}
        />
      )}
      <Loaded query={query}>
        {config => (
          <Stack key={at}>
            <ProxyEntry place={place} config={config} />
            {config.listen !== undefined && <EntryRules place={place} config={config} />}
            {config.listen !== undefined && <ProxyTester place={place} config={config} />}
            <ProxyExit place={place} config={config} />
            {config.exit !== undefined && <ExitRules place={place} rules={config.exit.rules} />}
          </Stack>
        )}
      </Loaded>
    </>
  )
}
