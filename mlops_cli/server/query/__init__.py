"""The query language of the API's `get_all` calls, compiled to SQL: conditions, order, paging, projection."""
