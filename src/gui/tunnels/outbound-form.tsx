import { Checkbox, Code, Modal, MultiSelect, Stack, TagsInput, Text, TextInput } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { type OutboundInfo, TUNNEL_API } from '../../apps/tunnel/messages.ts'
import { call } from '../api/call.ts'
import { QUERIES, tunnelPrefix } from '../api/queries.ts'
import { formatCommand } from '../parts/command-words.ts'
import { Missing } from '../parts/loaded.tsx'
import { visibleName } from '../parts/name.tsx'
import { useTexts } from '../texts/texts.ts'
import { draftsOf, emptyRoute, type RouteDraft, routeWords, settingOf } from './http-routes.ts'
import { RouteFields } from './route-fields.tsx'
import { Editing, useChange } from './tunnel-editing.tsx'
import { type EndPlace, formatEndCommand } from './tunnel-end.ts'
import { formatTarget, readTargets } from './tunnel-words.ts'

/** Who may enter by an outbound. */
interface Who {
  readonly users: string[]
  readonly groups: string[]
  readonly policies: boolean
}

const NOBODY: Who = { users: [], groups: [], policies: false }

/** Change where an outbound leads and who may use it. */
export function OutboundForm({
  place,
  end,
  onDone,
}: {
  place: EndPlace
  end: OutboundInfo
  onDone: () => void
}) {
  const { say } = useTexts()
  const [targets, setTargets] = useState(end.targets.map(({ target }) => formatTarget(target)))
  const [routes, setRoutes] = useState<readonly RouteDraft[]>(() =>
    end.http === undefined ? [] : draftsOf(end.http.setting),
  )
  const { users, groups = [], policies = false } = end
  const [who, setWho] = useState<Who>({ users: [...users], groups: [...groups], policies })
  const http = end.http && settingOf(routes, end.http.setting)
  const change = useChange(onDone, () => {
    const { entrances, balance, isRange, isProbed } = end
    const where = http === undefined ? { targets: readTargets(targets) } : { http }
    const body = { ...where, ...bodyOf(who), entrances, balance, isRange, isProbed }
    const params = { endpoint: place.endpoint.id, protocol: end.protocol, name: end.name }
    return call(
      TUNNEL_API.openOutbound,
      { params, body: body as never },
      { prefix: tunnelPrefix(place.mesh) },
    )
  })
  const { words, file } = http === undefined ? { words: ['--targets', ...targets] } : routeWords(http)
  return (
    <Editing change={change} command={formatEndCommand(place, 'open', ...words, ...wordsOf(who))}>
      {end.http === undefined ? (
        <TagsInput
          label={say('tunnel.targets')}
          description={say('tunnel.targetsHelp')}
          value={targets}
          onChange={setTargets}
          acceptValueOnBlur
        />
      ) : (
        <RouteFields routes={routes} onChange={setRoutes} />
      )}
      <WhoFields mesh={place.mesh} who={who} onChange={setWho} />
      <RouteFile file={file} />
    </Editing>
  )
}

/** Make an outbound that speaks HTTP: requests go by host and path to targets that the endpoint reaches. */
export function HttpServiceWindow({
  isOpen,
  mesh,
  endpoint,
  onDone,
}: {
  isOpen: boolean
  mesh: string
  endpoint: EndPlace['endpoint']
  onDone: () => void
}) {
  const { say } = useTexts()
  return (
    <Modal
      opened={isOpen}
      onClose={onDone}
      title={say('route.newTitle', { endpoint: visibleName(endpoint.name) })}
      size="lg"
      closeOnClickOutside={false}
      closeButtonProps={{ 'aria-label': say('action.close') }}
    >
      <HttpServiceForm mesh={mesh} endpoint={endpoint} onDone={onDone} />
    </Modal>
  )
}

function HttpServiceForm({
  mesh,
  endpoint,
  onDone,
}: {
  mesh: string
  endpoint: EndPlace['endpoint']
  onDone: () => void
}) {
  const { say } = useTexts()
  const [name, setName] = useState('')
  const [routes, setRoutes] = useState<readonly RouteDraft[]>([emptyRoute(0)])
  const [who, setWho] = useState(NOBODY)
  const known = useQuery(QUERIES.outbounds(mesh, endpoint.id))
  const isTaken = known.data?.outbounds.some(one => one.protocol === 'tcp' && one.name === name)
  const http = settingOf(routes)
  const change = useChange(onDone, () => {
    const params = { endpoint: endpoint.id, protocol: 'tcp' as const, name }
    const body = { http, ...bodyOf(who) }
    return call(
      TUNNEL_API.openOutbound,
      { params: params as never, body: body as never },
      { prefix: tunnelPrefix(mesh) },
    )
  })
  const { words, file } = routeWords(http)
  const where = endpoint.isLocal ? [] : ['ep', endpoint.name]
  const open = ['tunnel', 'open', 'outbound', `tcp/${name || 'NAME'}`]
  return (
    <Editing
      change={change}
      command={formatCommand('ztm', ...where, ...open, ...words, ...wordsOf(who))}
      isReady={!isTaken}
    >
      <Text size="sm">{say('route.newHelp')}</Text>
      <TextInput
        label={say('tunnel.name')}
        value={name}
        onChange={event => setName(event.currentTarget.value.trim())}
        error={isTaken && say('tunnel.nameTaken')}
        data-autofocus
        required
      />
      <RouteFields routes={routes} onChange={setRoutes} />
      <WhoFields mesh={mesh} who={who} onChange={setWho} />
      <RouteFile file={file} />
    </Editing>
  )
}

/** What the command line reads from a file, where its words do not say it. */
function RouteFile({ file }: { file?: string | undefined }) {
  const { say } = useTexts()
  if (file === undefined) return null
  return (
    <Stack gap={2}>
      <Text size="xs">{say('route.file')}</Text>
      <Code block style={{ whiteSpace: 'pre-wrap', overflowWrap: 'anywhere' }}>
        {visibleLines(file)}
      </Code>
    </Stack>
  )
}

function visibleLines(text: string): string {
  return text.split('\n').map(visibleName).join('\n')
}

function WhoFields({ mesh, who, onChange }: { mesh: string; who: Who; onChange: (who: Who) => void }) {
  const { say } = useTexts()
  const allUsers = useQuery(QUERIES.users(mesh))
  const allGroups = useQuery(QUERIES.groups(mesh))
  return (
    <>
      <Missing query={allUsers} also={allGroups} />
      <TagsInput
        label={say('tunnel.users')}
        description={say('tunnel.usersHelp')}
        data={['*', ...(allUsers.data?.users.map(({ name }) => name) ?? [])]}
        value={who.users}
        onChange={users => onChange({ ...who, users })}
        acceptValueOnBlur
      />
      <MultiSelect
        label={say('tunnel.groups')}
        data={[...new Set([...(allGroups.data?.groups.map(({ name }) => name) ?? []), ...who.groups])]}
        value={who.groups}
        onChange={groups => onChange({ ...who, groups })}
      />
      <Checkbox
        label={say('tunnel.policies')}
        checked={who.policies}
        onChange={event => onChange({ ...who, policies: event.currentTarget.checked })}
      />
    </>
  )
}

function bodyOf({ users, groups, policies }: Who) {
  return { users, ...(groups.length > 0 && { groups }), ...(policies && { policies }) }
}

function wordsOf({ users, groups, policies }: Who): string[] {
  return [
    ...(users.length > 0 ? ['--users', ...users] : []),
    ...(groups.length > 0 ? ['--groups', ...groups] : []),
    ...(policies ? ['--policies'] : []),
  ]
}
