import { Badge, Button, Group, Modal, Stack, Title } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useParams } from '@tanstack/react-router'
import { useState } from 'react'
import { type InboundInfo, type OutboundInfo, TUNNEL_API } from '../../apps/tunnel/messages.ts'
import { call } from '../api/call.ts'
import { QUERIES, tunnelPrefix } from '../api/queries.ts'
import { formatBytes } from '../parts/amounts.ts'
import { Failure } from '../parts/failure.tsx'
import { Listing } from '../parts/listing.tsx'
import { Loaded } from '../parts/loaded.tsx'
import { Name } from '../parts/name.tsx'
import { StateBadge } from '../parts/state-badge.tsx'
import { useTexts } from '../texts/texts.ts'
import { TunnelForm } from './tunnel-form.tsx'

type End = { readonly kind: 'inbound' | 'outbound'; readonly protocol: 'tcp' | 'udp'; readonly name: string }

/** The ends of tunnels at this computer, with what goes through them now. */
export function TunnelsPage() {
  const { say } = useTexts()
  const { mesh } = useParams({ from: '/$mesh' })
  const status = useQuery(QUERIES.status())
  const [isMaking, { open, close }] = useDisclosure()
  const [closing, setClosing] = useState<End>()
  return (
    <Stack>
      <Group justify="space-between">
        <Title order={1}>{say('tunnels.title')}</Title>
        <Button onClick={open}>{say('tunnel.new')}</Button>
      </Group>
      <Loaded query={status}>
        {({ meshes }) => {
          const here = meshes.find(one => one.name === mesh)?.endpoint
          if (here === undefined) return null
          return (
            <>
              <Modal
                opened={isMaking}
                onClose={close}
                title={say('tunnel.new')}
                size="lg"
                closeButtonProps={{ 'aria-label': say('action.close') }}
              >
                <TunnelForm mesh={mesh} here={here} onDone={close} />
              </Modal>
              <Inbounds mesh={mesh} here={here.id} onClose={setClosing} />
              <Outbounds mesh={mesh} here={here.id} onClose={setClosing} />
              <Modal
                opened={closing !== undefined}
                onClose={() => setClosing(undefined)}
                title={say('tunnel.closeAsk', { name: closing === undefined ? '' : nameOf(closing) })}
                closeButtonProps={{ 'aria-label': say('action.cancel') }}
              >
                {closing && (
                  <Close mesh={mesh} here={here.id} end={closing} onDone={() => setClosing(undefined)} />
                )}
              </Modal>
            </>
          )
        }}
      </Loaded>
    </Stack>
  )
}

function Inbounds({ mesh, here, onClose }: { mesh: string; here: string; onClose: (end: End) => void }) {
  const { say } = useTexts()
  const query = useQuery(QUERIES.inbounds(mesh, here))
  const traffic = useTraffic<InboundInfo>()
  return (
    <section>
      <Title order={2} size="h3">
        {say('tunnel.in')}
      </Title>
      <Loaded query={query}>
        {({ inbounds }) => (
          <Listing
            label={say('tunnel.in')}
            rows={inbounds}
            keyOf={nameOf}
            empty={say('tunnel.inNone')}
            columns={[
              { title: say('tunnel.name'), cell: end => <Name>{nameOf(end)}</Name> },
              {
                title: say('tunnel.listen'),
                cell: ({ listens }) =>
                  listens.map(({ ip, port, isOpen, error }) => (
                    <Badge key={`${ip}:${port}`} variant="default" title={error} tt="none">
                      {`${ip}:${port}${isOpen ? '' : ' ✗'}`}
                    </Badge>
                  )),
              },
              ...traffic,
              { title: '', cell: end => <CloseButton end={{ ...end, kind: 'inbound' }} onClose={onClose} /> },
            ]}
          />
        )}
      </Loaded>
    </section>
  )
}

function Outbounds({ mesh, here, onClose }: { mesh: string; here: string; onClose: (end: End) => void }) {
  const { say } = useTexts()
  const query = useQuery(QUERIES.outbounds(mesh, here))
  const traffic = useTraffic<OutboundInfo>()
  return (
    <section>
      <Title order={2} size="h3">
        {say('tunnel.out')}
      </Title>
      <Loaded query={query}>
        {({ outbounds }) => (
          <Listing
            label={say('tunnel.out')}
            rows={outbounds}
            keyOf={nameOf}
            empty={say('tunnel.outNone')}
            columns={[
              { title: say('tunnel.name'), cell: end => <Name>{nameOf(end)}</Name> },
              {
                title: say('tunnel.exit'),
                cell: ({ targets }) =>
                  targets.map(({ target, health }) => {
                    const place = 'unix' in target ? target.unix : `${target.host}:${target.port}`
                    return (
                      <StateBadge key={place} mood={health === 'down' ? 'ill' : 'resting'}>
                        {place}
                      </StateBadge>
                    )
                  }),
              },
              ...traffic,
              {
                title: '',
                cell: end => <CloseButton end={{ ...end, kind: 'outbound' }} onClose={onClose} />,
              },
            ]}
          />
        )}
      </Loaded>
    </section>
  )
}

function useTraffic<T extends Pick<InboundInfo, 'connectionCount' | 'sentBytes' | 'receivedBytes'>>() {
  const { say, language } = useTexts()
  return [
    { title: say('tunnel.connections'), cell: ({ connectionCount }: T) => connectionCount },
    {
      title: say('tunnel.traffic'),
      cell: ({ sentBytes, receivedBytes }: T) =>
        `${formatBytes(sentBytes, language)} / ${formatBytes(receivedBytes, language)}`,
    },
  ]
}

function CloseButton({ end, onClose }: { end: End; onClose: (end: End) => void }) {
  const { say } = useTexts()
  const label = `${say('action.close')} ${nameOf(end)}`
  return (
    <Button size="compact-xs" variant="default" aria-label={label} onClick={() => onClose(end)}>
      {say('action.close')}
    </Button>
  )
}

function Close({ mesh, here, end, onDone }: { mesh: string; here: string; end: End; onDone: () => void }) {
  const { say } = useTexts()
  const queries = useQueryClient()
  const close = useMutation({
    mutationFn: () => {
      const route = end.kind === 'inbound' ? TUNNEL_API.closeInbound : TUNNEL_API.closeOutbound
      const params = { endpoint: here, protocol: end.protocol, name: end.name }
      return call(route, { params }, { prefix: tunnelPrefix(mesh) })
    },
    async onSuccess() {
      await queries.invalidateQueries()
      onDone()
    },
  })
  return (
    <Stack>
      {close.error !== null && <Failure error={close.error} />}
      <Group>
        <Button color="red.9" data-autofocus loading={close.isPending} onClick={() => close.mutate()}>
          {say('action.close')}
        </Button>
        <Button variant="default" onClick={onDone}>
          {say('action.cancel')}
        </Button>
      </Group>
    </Stack>
  )
}

function nameOf({ protocol, name }: Pick<End, 'protocol' | 'name'>): string {
  return `${protocol}/${name}`
}
