import { Button, Chip, Group, NumberInput, ScrollArea, Select, Stack, Text, TextInput } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { TUNNEL_API } from '../../apps/tunnel/messages.ts'
import type { MeshInfo } from '../../core/api/mesh-shape.ts'
import { call } from '../api/call.ts'
import { NETWORK_QUERIES } from '../api/network-queries.ts'
import { QUERIES, tunnelPrefix } from '../api/queries.ts'
import { TUNNEL_QUERIES } from '../api/tunnel-queries.ts'
import { formatCommand } from '../parts/command-words.ts'
import { EqualCommand } from '../parts/equal-command.tsx'
import { Failure } from '../parts/failure.tsx'
import { Loaded, Unanswered } from '../parts/loaded.tsx'
import { useTexts } from '../texts/texts.ts'
import {
  type OfferedPort,
  portName,
  readTargets,
  suggestName,
  suggestPort,
  targetOf,
} from './tunnel-words.ts'

/** Make a tunnel whole: the end that listens here, and the one that connects, at another endpoint of one's own. */
export function TunnelForm({ mesh, here, onDone }: FormProps) {
  const { say } = useTexts()
  const { endpoints, own } = useOwn(mesh, here.user)
  const taken = useTaken(mesh, here.id)
  const [protocol, setProtocol] = useState<'tcp' | 'udp'>('tcp')
  const [name, setName] = useState('')
  const [exit, setExit] = useState<string | null>(null)
  const [target, setTarget] = useState('')
  const [port, setPort] = useState<number | string>('')
  const make = useMaking(mesh, onDone)
  const service = `${protocol}/${name || 'NAME'}`
  const exitName = own.find(({ id }) => id === exit)?.name
  const isTaken = taken.names.has(`${protocol}/${name}`)
  /** All that is left to do is to say yes. */
  const choose = (offered: OfferedPort) => {
    const names = [...taken.names].filter(one => one.startsWith('tcp/')).map(one => one.slice(4))
    setProtocol('tcp')
    setTarget(targetOf(offered))
    setPort(suggestPort(offered.port, new Set([...taken.ports, ...(exit === here.id ? [offered.port] : [])])))
    setName(suggestName(exitName ?? '', offered, new Set(names)))
  }
  return (
    <form
      onSubmit={event => {
        event.preventDefault()
        if (isTaken) return
        make.mutate({
          outbound: { endpoint: exit ?? '', protocol, name },
          target,
          inbound: { endpoint: here.id, protocol, name },
          port: Number(port),
        })
      }}
    >
      <Stack>
        <Text size="sm">{say('tunnel.newHelp')}</Text>
        <Unanswered query={endpoints} />
        <Select
          label={say('tunnel.endpoint')}
          data={own.map(({ id, name, isLocal }) => ({
            value: id,
            label: isLocal ? `${name} (${say('endpoint.local')})` : name,
          }))}
          value={exit}
          onChange={setExit}
          searchable
          required
        />
        {exit !== null && <OfferedPorts mesh={mesh} endpoint={exit} onChosen={choose} />}
        <Group grow align="start">
          <TextInput
            label={say('tunnel.target')}
            value={target}
            onChange={event => setTarget(event.currentTarget.value)}
            placeholder="22"
            required
          />
          <NumberInput
            label={say('tunnel.listen')}
            value={port}
            onChange={setPort}
            min={0}
            max={65_535}
            allowDecimal={false}
            hideControls
            required
          />
        </Group>
        <Group grow align="start">
          <TextInput
            label={say('tunnel.name')}
            value={name}
            onChange={event => setName(event.currentTarget.value)}
            error={isTaken ? say('tunnel.nameTaken') : undefined}
            required
          />
          <Select
            label="TCP / UDP"
            data={['tcp', 'udp']}
            value={protocol}
            onChange={value => setProtocol(value === 'udp' ? 'udp' : 'tcp')}
            allowDeselect={false}
          />
        </Group>
        <EqualCommand>
          {formatTunnel(exitName ?? 'ENDPOINT', service, target || 'PORT', String(port || 'PORT'))}
        </EqualCommand>
        {make.error !== null && <Failure error={make.error} />}
        <Button type="submit" loading={make.isPending}>
          {say('tunnel.open')}
        </Button>
      </Stack>
    </form>
  )
}

interface FormProps {
  readonly mesh: string
  readonly here: MeshInfo['endpoint']
  readonly onDone: () => void
}

/** What listens at an endpoint, to be chosen. */
function OfferedPorts({
  mesh,
  endpoint,
  onChosen,
}: {
  mesh: string
  endpoint: string
  onChosen: (port: OfferedPort) => void
}) {
  const { say } = useTexts()
  const query = useQuery(TUNNEL_QUERIES.openPorts(mesh, endpoint))
  return (
    <Loaded query={query}>
      {({ ports }) =>
        ports.length === 0 ? (
          <Text size="sm">{say('tunnel.offeredNone')}</Text>
        ) : (
          <div role="radiogroup" aria-label={say('tunnel.offered')}>
            <Text size="sm" fw={500} mb={4}>
              {say('tunnel.offered')}
            </Text>
            <ScrollArea.Autosize mah={140}>
              <Chip.Group
                onChange={chosen => ports[Number(chosen)] && onChosen(ports[Number(chosen)] as OfferedPort)}
              >
                <Group gap={6} p={2}>
                  {ports.map((port, i) => (
                    <Chip key={`${port.ip} ${port.port}`} value={String(i)} size="xs" variant="outline">
                      {[port.port, portName(port)].filter(Boolean).join(' ')}
                    </Chip>
                  ))}
                </Group>
              </Chip.Group>
            </ScrollArea.Autosize>
          </div>
        )
      }
    </Loaded>
  )
}

/** The endpoints of a user. */
function useOwn(mesh: string, user: string) {
  const endpoints = useQuery(NETWORK_QUERIES.endpointsOf(mesh, user))
  return { endpoints, own: endpoints.data?.endpoints ?? [] }
}

/** The names and local ports that tunnels have already. */
function useTaken(mesh: string, here: string) {
  const tunnels = useQuery(TUNNEL_QUERIES.tunnels(mesh))
  const inbounds = useQuery(QUERIES.inbounds(mesh, here))
  const ends = [...(tunnels.data?.tunnels ?? []), ...(inbounds.data?.inbounds ?? [])]
  return {
    names: new Set(ends.map(({ protocol, name }) => `${protocol}/${name}`)),
    ports: new Set(inbounds.data?.inbounds.flatMap(({ listens }) => listens.map(({ port }) => port)) ?? []),
  }
}

function formatTunnel(exit: string, service: string, target: string, port: string): string {
  const there = ['tunnel', 'open', 'outbound', service, '--targets', target]
  const outbound = formatCommand('ztm', 'ep', exit, ...there)
  return `${outbound}\n${formatCommand('ztm', 'tunnel', 'open', 'inbound', service, '--listen', port)}`
}

interface Wish {
  readonly outbound: { readonly endpoint: string; readonly protocol: 'tcp' | 'udp'; readonly name: string }
  readonly target: string
  readonly inbound: Wish['outbound']
  readonly port: number
}

/** Both ends, the far one first: a port that leads nowhere is worse than none. If the near one fails, neither is left. */
function useMaking(mesh: string, onDone: () => void) {
  const queries = useQueryClient()
  const at = { prefix: tunnelPrefix(mesh) }
  return useMutation({
    async mutationFn({ outbound, target, inbound, port }: Wish) {
      const targets = readTargets([target])
      await call(TUNNEL_API.openOutbound, { params: outbound, body: { targets } }, at)
      try {
        await call(TUNNEL_API.openInbound, { params: inbound, body: { listens: [{ port }] } }, at)
      } catch (error) {
        await call(TUNNEL_API.closeOutbound, { params: outbound }, at).catch(() => {})
        throw error
      }
    },
    async onSuccess() {
      await queries.invalidateQueries()
      onDone()
    },
  })
}
