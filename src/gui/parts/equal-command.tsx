import { Button, Code, CopyButton, Group, Text } from '@mantine/core'
import { useTexts } from '../texts/texts.ts'
import { visibleName } from '../texts/visible-name.ts'

/** The command that does what the page is about to do. */
export function EqualCommand({ children }: { children: string }) {
  const { say } = useTexts()
  return (
    <div>
      <Text size="xs">{say('command.equal')}</Text>
      <Group gap="xs" wrap="nowrap" align="start">
        <Code block style={{ flex: 1, whiteSpace: 'pre-wrap', overflowWrap: 'anywhere' }}>
          {children.split(NEXT_COMMAND).map(visibleName).join('\n')}
        </Code>
        <Copy text={children} />
      </Group>
    </div>
  )
}

/** A button that copies a text. */
export function Copy({ text }: { text: string }) {
  const { say } = useTexts()
  return (
    <CopyButton value={text}>
      {({ copied, copy }) => (
        <Button size="compact-xs" variant="default" onClick={copy}>
          {copied ? say('action.copied') : say('action.copy')}
        </Button>
      )}
    </CopyButton>
  )
}

/** Where one command ends and another begins; in names a line feed is shown as what it is. */
const NEXT_COMMAND = /\n(?=ztm )/
