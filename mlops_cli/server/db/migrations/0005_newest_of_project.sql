-- The newest runs of one project, in the order of a listing, without sorting the whole project.

CREATE INDEX tasks_project_started ON tasks (project, started);
