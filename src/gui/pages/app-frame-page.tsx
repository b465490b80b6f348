import { Anchor, Button, Group, Stack, Text, Title } from '@mantine/core'
import { useMutation, useQuery } from '@tanstack/react-query'
import { Link, useParams } from '@tanstack/react-router'
import { useEffect } from 'react'
import { AGENT_API } from '../../core/api/agent-api.ts'
import type { AppRef } from '../../core/app/manifest.ts'
import { call } from '../api/call.ts'
import { Failure } from '../parts/failure.tsx'
import { Loaded } from '../parts/loaded.tsx'
import { Name, visibleName } from '../parts/name.tsx'
import { useTexts } from '../texts/texts.ts'

/**
 * The page of an app, inside ours: a frame at an origin of its own, which can reach neither this document nor the agent. The
 * policy of this document names that one origin, so that it has to be loaded for it.
 */
export function AppFramePage() {
  const { say } = useTexts()
  const { mesh, provider, app } = useParams({ from: '/$mesh/apps/$provider/$app/page' })
  const params = { mesh, provider, app } as {
    mesh: AppRef['name']
    provider: AppRef['provider']
    app: AppRef['name']
  }
  const name = `${provider}/${app}`
  const isLoadedFor = loadedPath() === `/${mesh}/apps/${name}/page`
  useEffect(() => {
    if (!isLoadedFor) location.reload()
  }, [isLoadedFor])
  const link = useQuery({
    queryKey: ['page-link', mesh, name],
    queryFn: () => call(AGENT_API.openAppPage, { params, query: { in: 'frame' } }),
    enabled: isLoadedFor,
    // Good once: another one would load the page anew, whatever changes elsewhere.
    staleTime: 'static',
    gcTime: 0,
    refetchOnWindowFocus: false,
  })
  const inTab = useMutation({
    mutationFn: () => call(AGENT_API.openAppPage, { params, query: { in: 'tab' } }),
    onSuccess: ({ url }) => location.assign(url),
  })
  return (
    <Stack gap="xs">
      <Group justify="space-between">
        <Title order={1} size="h3">
          <Name>{name}</Name>
        </Title>
        <Group gap="xs">
          <Anchor
            renderRoot={props => (
              <Link {...props} to="/$mesh/apps/$provider/$app" params={{ mesh, provider, app }} />
            )}
          >
            {say('app.facts')}
          </Anchor>
          <Button
            size="compact-sm"
            variant="default"
            loading={inTab.isPending}
            onClick={() => inTab.mutate()}
          >
            {say('app.frameTab')}
          </Button>
        </Group>
      </Group>
      {inTab.error !== null && <Failure error={inTab.error} />}
      {!isHere() && <Text size="sm">{say('app.refused')}</Text>}
      <Loaded query={link}>
        {({ url }) => (
          <iframe
            title={say('app.frame', { name: visibleName(name) })}
            src={url}
            // Scripts, at its own origin; not to lead this window elsewhere, nor to open others.
            sandbox="allow-scripts allow-same-origin allow-forms allow-downloads"
            allow=""
            referrerPolicy="no-referrer"
            style={{
              width: '100%',
              height: 'calc(100vh - 160px)',
              border: '1px solid #868e96',
              background: '#fff',
            }}
          />
        )}
      </Loaded>
    </Stack>
  )
}

/** Whether this browser runs where the agent does: names below .localhost are its own computer's. */
function isHere(): boolean {
  return /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(location.hostname)
}

/** What this document was loaded for; its policy says what it may show in a frame. */
function loadedPath(): string {
  const [loaded] = performance.getEntriesByType('navigation')
  return decodeURIComponent(new URL(loaded?.name ?? location.href).pathname)
}
