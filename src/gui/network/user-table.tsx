import { Badge, Group, Stack, Text, TextInput } from '@mantine/core'
import { useDebouncedValue, useMediaQuery } from '@mantine/hooks'
import { useQueries, useQuery } from '@tanstack/react-query'
import { useCallback, useState } from 'react'
import { AGENT_API } from '../../core/api/agent-api.ts'
import type { Answer } from '../../core/api/route.ts'
import { call } from '../api/call.ts'
import { QUERIES, USER_PAGE_SIZE } from '../api/queries.ts'
import { ActionButton } from '../parts/action-button.tsx'
import { Failure } from '../parts/failure.tsx'
import { Loaded } from '../parts/loaded.tsx'
import { Name } from '../parts/name.tsx'
import { StateBadge } from '../parts/state-badge.tsx'
import { type VirtualColumn, VirtualTable } from '../parts/virtual-table.tsx'
import { useTexts } from '../texts/texts.ts'

type Users = Answer<typeof AGENT_API.listUsers>
type User = Users['users'][number]

/** The users of a mesh, however many: searched by the controller, asked for as they come into sight. */
export function UserTable({ mesh }: { mesh: string }) {
  const { say, language } = useTexts()
  const [search, setSearch] = useState('')
  const [keyword] = useDebouncedValue(search, SEARCH_DELAY_MS)
  const first = useQuery({ ...QUERIES.userPage(mesh, keyword, 0), placeholderData: keepLast })
  return (
    <Stack gap="xs">
      <TextInput
        type="search"
        label={say('action.search')}
        value={search}
        maxLength={64}
        onChange={({ currentTarget }) => setSearch(currentTarget.value)}
        maw={320}
      />
      <Loaded query={first}>
        {({ users, total = users.length }) => (
          <>
            <Text size="sm" aria-live="polite">
              {say('users.count', { count: new Intl.NumberFormat(language).format(total) })}
            </Text>
            {total > 0 && <Rows key={keyword} mesh={mesh} keyword={keyword} count={total} />}
          </>
        )}
      </Loaded>
    </Stack>
  )
}

function Rows({ mesh, keyword, count }: { mesh: string; keyword: string; count: number }) {
  const { say } = useTexts()
  const isWide = useMediaQuery('(min-width: 48em)', true, { getInitialValueInEffect: false })
  const [[from, to], setRange] = useState<readonly [number, number]>([0, 0])
  const onRange = useCallback((first: number, last: number) => setRange([first, last]), [])
  const firstPage = Math.floor(from / USER_PAGE_SIZE)
  const pages = Array.from(
    { length: Math.floor(to / USER_PAGE_SIZE) - firstPage + 1 },
    (_, index) => firstPage + index,
  )
  const answers = useQueries({
    queries: pages.map(page => ({ ...QUERIES.userPage(mesh, keyword, page), placeholderData: keepLast })),
  })
  const failed = answers.find(({ error }) => error !== null)
  const columns = useColumns(mesh, isWide)
  return (
    <>
      {failed && <Failure error={failed.error} onRetry={() => void failed.refetch()} />}
      <VirtualTable
        label={say('users.title')}
        count={count}
        columns={columns}
        rowAt={index =>
          answers[Math.floor(index / USER_PAGE_SIZE) - firstPage]?.data?.users[index % USER_PAGE_SIZE]
        }
        onRange={onRange}
        {...(!isWide && { rowPx: NARROW_ROW_PX })}
      />
    </>
  )
}

function useColumns(mesh: string, isWide: boolean): VirtualColumn<User>[] {
  const { say } = useTexts()
  const endpoints: VirtualColumn<User> = {
    title: say('user.endpoints'),
    share: 2,
    cell: ({ onlineCount, endpointCount }) => say('count.of', { count: onlineCount, total: endpointCount }),
  }
  return [
    { title: say('user.name'), share: 2, cell: ({ name }) => <Name>{name}</Name> },
    ...(isWide ? [endpoints] : []),
    {
      title: say('state.title'),
      share: 2,
      cell: ({ isAdmin, isEvicted }) => (
        <Group gap="xs">
          {isAdmin && <Badge variant="default">{say('user.admin')}</Badge>}
          {isEvicted && <StateBadge mood="ill">{say('user.evicted')}</StateBadge>}
        </Group>
      ),
    },
    { title: say('users.actions'), share: 3, cell: user => <UserActions mesh={mesh} user={user} /> },
  ]
}

function UserActions({ mesh, user: { name, isAdmin, isEvicted } }: { mesh: string; user: User }) {
  const { say } = useTexts()
  if (name === 'root' || isEvicted) return null
  const role = say(isAdmin ? 'user.demote' : 'user.promote')
  return (
    <Group gap={4}>
      <ActionButton
        label={`${role} ${name}`}
        question={say(isAdmin ? 'user.demoteAsk' : 'user.promoteAsk', { name })}
        run={() =>
          call(AGENT_API.updateUser, {
            params: { mesh, user: name },
            body: { role: isAdmin ? 'member' : 'admin' },
          })
        }
      >
        {role}
      </ActionButton>
      <ActionButton
        label={`${say('user.evict')} ${name}`}
        question={say('user.evictAsk', { name })}
        run={() => call(AGENT_API.evict, { params: { mesh }, body: { user: name } })}
      >
        {say('user.evict')}
      </ActionButton>
    </Group>
  )
}

const keepLast = (before: Users | undefined) => before
const SEARCH_DELAY_MS = 100
/** Two buttons below each other. */
const NARROW_ROW_PX = 72
