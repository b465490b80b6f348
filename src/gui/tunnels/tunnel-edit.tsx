import { Button, Checkbox, Modal, MultiSelect, Stack, TagsInput, Text } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { type InboundInfo, type OutboundInfo, TUNNEL_API } from '../../apps/tunnel/messages.ts'
import { formatAddress } from '../../core/model/address.ts'
import { call } from '../api/call.ts'
import { QUERIES, tunnelPrefix } from '../api/queries.ts'
import { EqualCommand } from '../parts/equal-command.tsx'
import { Failure } from '../parts/failure.tsx'
import { useTexts } from '../texts/texts.ts'
import { visibleName } from '../texts/visible-name.ts'
import { type EndPlace, formatEndCommand, nameOf } from './tunnel-end.ts'
import { formatTarget, readListens, readTargets } from './tunnel-words.ts'

/** Change an end of a tunnel, in a dialog; what it carries goes on where it can. */
export function TunnelEdit({ place, onDone }: { place: EndPlace | undefined; onDone: () => void }) {
  const { say } = useTexts()
  return (
    <Modal
      opened={place !== undefined}
      onClose={onDone}
      title={say('tunnel.editTitle', { name: place === undefined ? '' : visibleName(nameOf(place.end)) })}
      closeButtonProps={{ 'aria-label': say('action.cancel') }}
    >
      {place?.kind === 'inbound' && <InboundForm place={place} end={place.end} onDone={onDone} />}
      {place?.kind === 'outbound' && <OutboundForm place={place} end={place.end} onDone={onDone} />}
    </Modal>
  )
}

function InboundForm({ place, end, onDone }: { place: EndPlace; end: InboundInfo; onDone: () => void }) {
  const { say } = useTexts()
  const [listens, setListens] = useState(end.listens.map(({ ip, port }) => formatAddress({ host: ip, port })))
  const [exits, setExits] = useState<string[]>([...end.exits])
  const endpoints = useEndpointChoice(place.mesh, end.exits)
  const change = useChange(onDone, () => {
    const body = { listens: readListens(listens), exits }
    return call(
      TUNNEL_API.openInbound,
      { params: paramsOf(place), body },
      { prefix: tunnelPrefix(place.mesh) },
    )
  })
  const words = ['--listen', ...listens, ...(exits.length > 0 ? ['--exits', ...exits] : [])]
  return (
    <Editing change={change} command={formatEndCommand(place, 'open', ...words)}>
      <TagsInput
        label={say('tunnel.listens')}
        description={say('tunnel.listensHelp')}
        value={listens}
        onChange={setListens}
        acceptValueOnBlur
      />
      <MultiSelect
        label={say('tunnel.exits')}
        description={say('tunnel.exitsHelp')}
        data={endpoints}
        value={exits}
        onChange={setExits}
        searchable
      />
    </Editing>
  )
}

function OutboundForm({ place, end, onDone }: { place: EndPlace; end: OutboundInfo; onDone: () => void }) {
  const { say } = useTexts()
  const [targets, setTargets] = useState(end.targets.map(({ target }) => formatTarget(target)))
  const [users, setUsers] = useState<string[]>([...end.users])
  const [groups, setGroups] = useState<string[]>([...(end.groups ?? [])])
  const [policies, setPolicies] = useState(end.policies === true)
  const allUsers = useQuery(QUERIES.users(place.mesh))
  const allGroups = useQuery(QUERIES.groups(place.mesh))
  const change = useChange(onDone, () => {
    const { http, entrances, balance, isRange, isProbed } = end
    const where = http === undefined ? { targets: readTargets(targets) } : { http: http.setting }
    const who = { users, entrances, ...(groups.length > 0 && { groups }), ...(policies && { policies }) }
    const body = { ...where, ...who, balance, isRange, isProbed }
    return call(
      TUNNEL_API.openOutbound,
      { params: paramsOf(place), body },
      { prefix: tunnelPrefix(place.mesh) },
    )
  })
  const words = [
    ...(end.http === undefined ? ['--targets', ...targets] : ['-f', 'routes.yaml']),
    ...(users.length > 0 ? ['--users', ...users] : []),
    ...(groups.length > 0 ? ['--groups', ...groups] : []),
    ...(policies ? ['--policies'] : []),
  ]
  return (
    <Editing change={change} command={formatEndCommand(place, 'open', ...words)}>
      {end.http === undefined ? (
        <TagsInput
          label={say('tunnel.targets')}
          description={say('tunnel.targetsHelp')}
          value={targets}
          onChange={setTargets}
          acceptValueOnBlur
        />
      ) : (
        <Text size="sm">{say('tunnel.http', { count: end.http.routes.length })}</Text>
      )}
      <TagsInput
        label={say('tunnel.users')}
        description={say('tunnel.usersHelp')}
        data={['*', ...(allUsers.data?.users.map(({ name }) => name) ?? [])]}
        value={users}
        onChange={setUsers}
        acceptValueOnBlur
      />
      <MultiSelect
        label={say('tunnel.groups')}
        data={[...new Set([...(allGroups.data?.groups.map(({ name }) => name) ?? []), ...groups])]}
        value={groups}
        onChange={setGroups}
      />
      <Checkbox
        label={say('tunnel.policies')}
        checked={policies}
        onChange={event => setPolicies(event.currentTarget.checked)}
      />
    </Editing>
  )
}

/** What is around the fields of both. */
function Editing({
  change,
  command,
  children,
}: {
  change: ReturnType<typeof useChange>
  command: string
  children: React.ReactNode
}) {
  const { say } = useTexts()
  return (
    <form
      onSubmit={event => {
        event.preventDefault()
        change.mutate()
      }}
    >
      <Stack>
        {children}
        <EqualCommand>{command}</EqualCommand>
        {change.error !== null && <Failure error={change.error} />}
        <Button type="submit" loading={change.isPending}>
          {say('action.save')}
        </Button>
      </Stack>
    </form>
  )
}

function useChange(onDone: () => void, run: () => Promise<unknown>) {
  const queries = useQueryClient()
  return useMutation({
    // Typed words are read in it, so that what is wrong with them is shown in place.
    mutationFn: async () => run(),
    async onSuccess() {
      await queries.invalidateQueries()
      onDone()
    },
  })
}

/** All endpoints by name, and those that were chosen and are not known any more. */
function useEndpointChoice(mesh: string, chosen: readonly string[]) {
  const { data } = useQuery(QUERIES.endpoints(mesh))
  const known = data?.endpoints.map(({ id, name }) => ({ value: id as string, label: name as string })) ?? []
  const gone = chosen.filter(id => !known.some(({ value }) => value === id))
  return [...known, ...gone.map(id => ({ value: id, label: id }))]
}

function paramsOf({ endpoint, end }: EndPlace) {
  return { endpoint: endpoint.id, protocol: end.protocol, name: end.name }
}
