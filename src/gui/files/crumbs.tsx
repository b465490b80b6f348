import { Anchor, Breadcrumbs, Text } from '@mantine/core'
import { Name } from '../parts/name.tsx'
import { useTexts } from '../texts/texts.ts'
import type { Crumb } from './file-paths.ts'

/** The way to where one is, each part of it to go back to. */
export function Crumbs({ crumbs, onGo }: { crumbs: readonly Crumb[]; onGo: (path: string) => void }) {
  const { say } = useTexts()
  return (
    <nav aria-label={say('files.way')}>
      <Breadcrumbs style={{ flexWrap: 'wrap' }}>
        {crumbs.map(({ name, path }, index) =>
          index === crumbs.length - 1 ? (
            <Text key={path} aria-current="location">
              <Name>{name}</Name>
            </Text>
          ) : (
            <Anchor key={path} component="button" type="button" onClick={() => onGo(path)}>
              <Name>{name}</Name>
            </Anchor>
          ),
        )}
      </Breadcrumbs>
    </nav>
  )
}
