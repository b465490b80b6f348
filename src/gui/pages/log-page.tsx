import { Code, Stack, Text, Title } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useParams } from '@tanstack/react-router'
import { QUERIES } from '../api/queries.ts'
import { Loaded } from '../parts/loaded.tsx'
import { Name } from '../parts/name.tsx'
import { useTexts } from '../texts/texts.ts'

/** The last lines of the agent's log about one mesh, as they come. */
export function LogPage() {
  const { say, language } = useTexts()
  const { mesh } = useParams({ from: '/$mesh' })
  const query = useQuery(QUERIES.log(mesh))
  const time = new Intl.DateTimeFormat(language, { dateStyle: 'short', timeStyle: 'medium' })
  return (
    <Stack>
      <Title order={1}>{say('log.title')}</Title>
      <Loaded query={query}>
        {({ lines }) =>
          lines.length === 0 ? (
            <Text>{say('log.empty')}</Text>
          ) : (
            <section aria-label={say('log.title')}>
              {lines.toReversed().map((line, index) => (
                // biome-ignore lint/suspicious/noArrayIndexKey: two lines may be the same
                <Code key={index} block mb={2} style={{ whiteSpace: 'pre-wrap', overflowWrap: 'anywhere' }}>
                  <Name>{`${time.format(line.timeMs)} ${line.level} ${line.event} ${fieldsOf(line.fields)}`}</Name>
                </Code>
              ))}
            </section>
          )
        }
      </Loaded>
    </Stack>
  )
}

function fieldsOf(fields: Readonly<Record<string, unknown>>): string {
  return Object.entries(fields)
    .map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(' ')
}
