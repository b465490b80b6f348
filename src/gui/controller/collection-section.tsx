import { Group, Stack, Text, Title } from '@mantine/core'
import { EDGE_KINDS } from '../../core/edge/edge-kinds.ts'
import { formatCommand } from '../parts/command-words.ts'
import { EqualCommand } from '../parts/equal-command.tsx'
import { useTexts } from '../texts/texts.ts'
import type { Collection } from './collection.ts'
import { DialogButton } from './entity-actions.tsx'
import { EntityForm } from './entity-form.tsx'
import { EntityList } from './entity-list.tsx'

/** Everything of a kind: what it is, a search, the list, and a new one. */
export function CollectionSection({ mesh, collection }: { mesh: string; collection: Collection }) {
  const { say } = useTexts()
  const { kind, form, about } = collection
  const title = say(collection.title)
  const isMade = form !== undefined && form.isChangeOnly !== true
  return (
    <Stack>
      <Group justify="space-between">
        <Title order={1}>{title}</Title>
        {isMade && (
          <DialogButton
            isMain
            word={say('edge.new')}
            label={say('edge.newTitle', { title })}
            title={say('edge.newTitle', { title })}
          >
            {close => <EntityForm mesh={mesh} collection={collection} onDone={close} />}
          </DialogButton>
        )}
      </Group>
      <Text size="sm">{say(about)}</Text>
      <EntityList mesh={mesh} collection={collection} label={title} isSearched />
      <EqualCommand>{formatCommand('ztm', 'get', EDGE_KINDS[kind].words[0])}</EqualCommand>
    </Stack>
  )
}
