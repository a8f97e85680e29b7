"""app.py - tasks over REST by FastAPI, SQLModel and asyncpg: what pg_agenda's gateway is measured beside.

Written as such a service is: models, a session per request, the user from the token, the filter by user
in each query.  uvicorn runs it; DATABASE_URL and JWT_KEY come from the environment.
"""
import os
from datetime import datetime, timezone
from typing import Annotated, Optional
from uuid import UUID, uuid4

import jwt
from fastapi import Depends, FastAPI, HTTPException, Query
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy import DateTime
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlmodel import Field, SQLModel, func, select

engine = create_async_engine(os.environ["DATABASE_URL"], pool_size=int(os.environ["POOL_SIZE"]), max_overflow=0)
sessions = async_sessionmaker(engine, expire_on_commit=False)
app = FastAPI()


def now():
    return datetime.now(timezone.utc)


def instant(**options):
    return Field(sa_type=DateTime(timezone=True), **options)


class TaskIn(SQLModel):
    title: str = Field(min_length=1, max_length=500)
    description: Optional[str] = None
    priority: int = Field(default=2, ge=1, le=3)
    due_date: Optional[datetime] = instant(default=None)
    timezone: Optional[str] = None
    recurrence_rule: Optional[str] = None


class TaskOut(TaskIn):
    id: UUID = Field(default_factory=uuid4, primary_key=True)
    user_id: UUID
    status: str = "pending"
    notified: bool = False
    recurring_task_id: Optional[UUID] = None
    parent_task_id: Optional[UUID] = None
    completed_at: Optional[datetime] = instant(default=None)
    last_reminder_sent: Optional[datetime] = instant(default=None)
    version: int = 1
    created_at: datetime = instant(default_factory=now)
    updated_at: datetime = instant(default_factory=now)


class Task(TaskOut, table=True):
    __tablename__ = "tasks"
    __table_args__ = {"schema": "agenda"}
    deleted_at: Optional[datetime] = instant(default=None)


class TaskPage(SQLModel):
    items: list[TaskOut]
    total: int
    page: int
    page_size: int


async def database():
    async with sessions() as session:
        yield session


async def acting(credentials: Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())]):
    try:
        claims = jwt.decode(credentials.credentials, os.environ["JWT_KEY"], algorithms=["HS256"])
        return UUID(claims["sub"])
    except (jwt.InvalidTokenError, KeyError, ValueError) as error:
        raise HTTPException(401, "invalid token") from error


Database = Annotated[AsyncSession, Depends(database)]
User = Annotated[UUID, Depends(acting)]


@app.get("/api/tasks/{task_id}", response_model=TaskOut)
async def get_task(task_id: UUID, session: Database, user: User):
    found = await session.execute(
        select(Task).where(Task.user_id == user, Task.id == task_id, Task.deleted_at.is_(None)))
    task = found.scalar_one_or_none()
    if task is None:
        raise HTTPException(404, "task not found")
    return task


@app.get("/api/tasks", response_model=TaskPage)
async def list_tasks(session: Database, user: User, page: Annotated[int, Query(ge=1)] = 1,
                     page_size: Annotated[int, Query(ge=1, le=100)] = 20):
    mine = (Task.user_id == user, Task.deleted_at.is_(None))
    total = (await session.execute(select(func.count()).select_from(Task).where(*mine))).scalar_one()
    found = await session.execute(
        select(Task).where(*mine).order_by(Task.created_at.desc(), Task.id)
        .offset((page - 1) * page_size).limit(page_size))
    return {"items": found.scalars().all(), "total": total, "page": page, "page_size": page_size}


@app.post("/api/tasks", response_model=TaskOut, status_code=201)
async def create_task(body: TaskIn, session: Database, user: User):
    task = Task(**body.model_dump(), user_id=user)
    session.add(task)
    await session.commit()
    return task
