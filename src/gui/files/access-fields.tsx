import { Radio, Stack, TagsInput } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import type { Item } from '../../apps/files/messages.ts'
import { QUERIES } from '../api/queries.ts'
import { Missing } from '../parts/loaded.tsx'
import { useTexts } from '../texts/texts.ts'

/** Who may see something, as a form has it. */
export interface AccessWish {
  readonly kind: 'nobody' | 'some' | 'everyone'
  readonly users: readonly string[]
  readonly groups: readonly string[]
}

/** Nobody but oneself. */
export const NOBODY: AccessWish = { kind: 'nobody', users: [], groups: [] }

/** Who may see it: nobody else, some users and groups, or everybody in the mesh. */
export function AccessFields({
  mesh,
  value,
  onChange,
}: {
  readonly mesh: string
  readonly value: AccessWish
  readonly onChange: (value: AccessWish) => void
}) {
  const { say } = useTexts()
  const allUsers = useQuery(QUERIES.users(mesh))
  const allGroups = useQuery(QUERIES.groups(mesh))
  return (
    <Radio.Group
      label={say('files.who')}
      value={value.kind}
      onChange={kind => onChange({ ...value, kind: kind as AccessWish['kind'] })}
    >
      <Stack gap="xs" mt="xs">
        <Radio value="nobody" label={say('files.whoNobody')} />
        <Radio value="some" label={say('files.whoSome')} />
        {value.kind === 'some' && (
          <>
            <Missing query={allUsers} also={allGroups} />
            <TagsInput
              label={say('files.users')}
              data={allUsers.data?.users.map(({ name }) => name) ?? []}
              value={[...value.users]}
              onChange={chosen => onChange({ ...value, users: chosen })}
            />
            <TagsInput
              label={say('files.groups')}
              data={allGroups.data?.groups.map(({ name }) => name) ?? []}
              value={[...value.groups]}
              onChange={chosen => onChange({ ...value, groups: chosen })}
            />
          </>
        )}
        <Radio value="everyone" label={say('files.whoEveryone')} />
      </Stack>
    </Radio.Group>
  )
}

/** What a form shows at first of who may see something. */
export function toWish({ users, groups, everyone }: Item['access']): AccessWish {
  const kind = everyone ? 'everyone' : users.length + groups.length > 0 ? 'some' : 'nobody'
  return { kind, users, groups }
}

/** What a form has said, as it is sent. */
export function toAccess({ kind, users, groups }: AccessWish): Item['access'] {
  const isSome = kind === 'some'
  // Names that are none the agent refuses.
  return {
    users: (isSome ? [...users] : []) as Item['access']['users'],
    groups: (isSome ? [...groups] : []) as Item['access']['groups'],
    everyone: kind === 'everyone',
  }
}

/** The words of the command line for it. */
export function accessWords({ kind, users, groups }: AccessWish): readonly string[] {
  if (kind === 'everyone') return ['--everyone']
  if (kind === 'nobody') return ['--private']
  return [
    ...(users.length > 0 ? ['--users', ...users] : []),
    ...(groups.length > 0 ? ['--groups', ...groups] : []),
  ]
}
