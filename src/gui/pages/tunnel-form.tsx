import { Button, Group, NumberInput, Select, Stack, Text, TextInput } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { TUNNEL_API } from '../../apps/tunnel/messages.ts'
import type { MeshInfo } from '../../core/api/agent-api.ts'
import { call } from '../api/call.ts'
import { QUERIES, tunnelPrefix } from '../api/queries.ts'
import { formatCommand } from '../parts/command-words.ts'
import { EqualCommand } from '../parts/equal-command.tsx'
import { Failure } from '../parts/failure.tsx'
import { useTexts } from '../texts/texts.ts'

/** Make a tunnel whole: the end that listens here, and the one that connects, at another endpoint of one's own. */
export function TunnelForm({ mesh, here, onDone }: FormProps) {
  const { say } = useTexts()
  const endpoints = useQuery(QUERIES.endpoints(mesh))
  const own = endpoints.data?.endpoints.filter(({ user }) => user === here.user) ?? []
  const [protocol, setProtocol] = useState<'tcp' | 'udp'>('tcp')
  const [name, setName] = useState('')
  const [exit, setExit] = useState<string | null>(null)
  const [target, setTarget] = useState('')
  const [port, setPort] = useState<number | string>('')
  const { host, port: targetPort } = readTarget(target)
  const make = useMaking(mesh, onDone)
  const service = `${protocol}/${name || 'NAME'}`
  const exitName = own.find(({ id }) => id === exit)?.name ?? 'ENDPOINT'
  const there = `${host}:${targetPort || 'PORT'}`
  return (
    <form
      onSubmit={event => {
        event.preventDefault()
        make.mutate({
          outbound: { endpoint: exit ?? '', protocol, name },
          target: { host, port: targetPort },
          inbound: { endpoint: here.id, protocol, name },
          port: Number(port),
        })
      }}
    >
      <Stack>
        <Text size="sm">{say('tunnel.newHelp')}</Text>
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
        <EqualCommand>{formatTunnel(exitName, service, there, String(port || 'PORT'))}</EqualCommand>
        {make.error !== null && <Failure error={make.error} />}
        <Button type="submit" loading={make.isPending}>
          {say('tunnel.open')}
        </Button>
      </Stack>
    </form>
  )
}

function formatTunnel(exit: string, service: string, target: string, port: string): string {
  const outbound = formatCommand(
    'ztm',
    'ep',
    exit,
    'tunnel',
    'open',
    'outbound',
    service,
    '--targets',
    target,
  )
  const inbound = formatCommand('ztm', 'tunnel', 'open', 'inbound', service, '--listen', port)
  return `${outbound}\n${inbound}`
}

interface FormProps {
  readonly mesh: string
  readonly here: MeshInfo['endpoint']
  readonly onDone: () => void
}

interface Wish {
  readonly outbound: { readonly endpoint: string; readonly protocol: 'tcp' | 'udp'; readonly name: string }
  readonly target: { readonly host: string; readonly port: number }
  readonly inbound: Wish['outbound']
  readonly port: number
}

/** Both ends, the far one first: a port that leads nowhere is worse than none. */
function useMaking(mesh: string, onDone: () => void) {
  const queries = useQueryClient()
  const prefix = tunnelPrefix(mesh)
  return useMutation({
    async mutationFn({ outbound, target, inbound, port }: Wish) {
      await call(TUNNEL_API.openOutbound, { params: outbound, body: { targets: [target] } }, { prefix })
      await call(TUNNEL_API.openInbound, { params: inbound, body: { listens: [{ port }] } }, { prefix })
    },
    async onSuccess() {
      await queries.invalidateQueries()
      onDone()
    },
  })
}

/** `22` is a port of that computer itself, `db.lan:5432` and `[::1]:80` are elsewhere. */
function readTarget(text: string): { readonly host: string; readonly port: number } {
  const [, bracketed, plain, port = ''] = /^(?:(?:\[([^\]]*)\]|([^:]*)):)?(\d{1,5})$/.exec(text.trim()) ?? []
  return { host: bracketed ?? plain ?? '127.0.0.1', port: Number(port) }
}
