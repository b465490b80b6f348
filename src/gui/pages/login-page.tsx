import { Alert, Anchor, Button, Container, PasswordInput, Stack, Text, Title } from '@mantine/core'
import { useState } from 'react'
import { logIn } from '../api/login.ts'
import { useTexts } from '../texts/texts.ts'

/** For a browser that nobody vouches for: how to get in. */
export function LoginPage({ onDone }: { onDone: () => void }) {
  const { say } = useTexts()
  const [token, setToken] = useState('')
  const [isWrong, setWrong] = useState(false)
  const [isBusy, setBusy] = useState(false)
  const submit = async () => {
    setBusy(true)
    const isGood = await logIn(token.trim()).catch(() => false)
    setBusy(false)
    setWrong(!isGood)
    if (isGood) onDone()
  }
  return (
    <Container component="main" size="xs" py={64}>
      <form
        onSubmit={event => {
          event.preventDefault()
          void submit()
        }}
      >
        <Stack>
          <Title order={1}>{say('login.title')}</Title>
          <Text>{say('login.help')}</Text>
          {/* Asked for by this page itself, where another led here: the agent then looks whose browser it is. */}
          <Anchor
            href="/"
            onClick={event => {
              event.preventDefault()
              location.assign(`/?again${location.hash}`)
            }}
          >
            {say('login.own')}
          </Anchor>
          <PasswordInput
            label={say('login.token')}
            value={token}
            onChange={event => setToken(event.currentTarget.value)}
            autoComplete="off"
            required
          />
          {isWrong && (
            <Alert color="red" role="alert">
              {say('login.wrong')}
            </Alert>
          )}
          <Button type="submit" loading={isBusy}>
            {say('login.button')}
          </Button>
        </Stack>
      </form>
    </Container>
  )
}
