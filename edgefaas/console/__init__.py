"""The page on the admin port: plain files, without a build step, that talk to the admin API as any client does."""
