import { expect, test } from 'vitest';
import { Services, serviceKey } from './services.ts';

test('a service is found under its own key for as long as it is offered', () => {
  const services = new Services();
  const bell = serviceKey<{ ring(): string }>('bell');
  expect(services.get(bell)).toBeUndefined();
  const end = services.provide(bell, { ring: () => 'ding' });
  expect(services.get(bell)?.ring()).toBe('ding');
  expect(services.get(serviceKey<{ ring(): string }>('bell'))).toBeUndefined();

  const endNewer = services.provide(bell, { ring: () => 'dong' });
  end(); // of an offer that another has taken the place of
  expect(services.get(bell)?.ring()).toBe('dong');
  endNewer();
  expect(services.get(bell)).toBeUndefined();
});
