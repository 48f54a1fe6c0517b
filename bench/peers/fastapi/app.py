"""The same two reads as an ordinary FastAPI service: SQLAlchemy models, pydantic answers, a bearer token checked
against the users table. Written as the frameworks' documentation teaches, without tricks in either direction; see
README.md."""

import os
from datetime import datetime, timedelta, timezone
from typing import Annotated, Generic, TypeVar

import jwt
from fastapi import Depends, FastAPI, HTTPException, Query, status
from fastapi.security import OAuth2PasswordBearer
from pydantic import BaseModel, ConfigDict
from sqlalchemy import BigInteger, Computed, ForeignKey, TypeDecorator, create_engine, event, func, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, joinedload, mapped_column, relationship, sessionmaker

engine = create_engine(os.environ["DATABASE_URL"], connect_args={"check_same_thread": False}, pool_size=40)
SessionLocal = sessionmaker(engine, expire_on_commit=False)


@event.listens_for(engine, "connect")
def set_pragmas(connection, _record):
    connection.execute("pragma journal_mode = wal")
    connection.execute("pragma foreign_keys = on")


# ---- tables ----

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class Microseconds(TypeDecorator):
    """The file keeps times as microseconds since 1970."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value, dialect):
        return None if value is None else (value - EPOCH) // timedelta(microseconds=1)

    def process_result_value(self, value, dialect):
        return None if value is None else EPOCH + timedelta(microseconds=value)


class Base(DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    username: Mapped[str]
    full_name: Mapped[str]
    status: Mapped[str]
    deleted_at: Mapped[datetime | None] = mapped_column(Microseconds)


class ImageFile(Base):
    __tablename__ = "image_files"
    id: Mapped[int] = mapped_column(primary_key=True)
    file_uuid: Mapped[str]
    original_filename: Mapped[str]
    file_type: Mapped[str]
    mime_type: Mapped[str]
    storage_path: Mapped[str | None]
    file_size: Mapped[int]
    file_hash: Mapped[str | None]
    sha256: Mapped[str | None]
    thumbnail_path: Mapped[str | None]
    uploaded_by: Mapped[int] = mapped_column(ForeignKey("users.id"))
    patient_id: Mapped[int | None]
    study_id: Mapped[int | None]
    series_id: Mapped[int | None]
    modality: Mapped[str | None]
    body_part: Mapped[str | None]
    study_date: Mapped[str | None]
    description: Mapped[str | None]
    status: Mapped[str]
    status_reason: Mapped[str | None]
    upload_progress: Mapped[int]
    is_chunked: Mapped[bool]
    total_chunks: Mapped[int | None]
    uploaded_chunks: Mapped[str | None]
    duplicate_of: Mapped[int | None]
    created_at: Mapped[datetime] = mapped_column(Microseconds)
    updated_at: Mapped[datetime] = mapped_column(Microseconds)
    uploaded_at: Mapped[datetime | None] = mapped_column(Microseconds)
    deleted_at: Mapped[datetime | None] = mapped_column(Microseconds)
    deleted_by: Mapped[int | None]
    is_deleted: Mapped[bool] = mapped_column(Computed("deleted_at is not null"))

    uploader: Mapped[User] = relationship(foreign_keys=[uploaded_by])

    @property
    def uploader_name(self) -> str:
        return self.uploader.full_name


# ---- answers ----


class ImageFileOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: int
    file_uuid: str
    original_filename: str
    file_type: str
    mime_type: str
    storage_path: str | None
    file_size: int
    file_hash: str | None
    sha256: str | None
    thumbnail_path: str | None
    uploaded_by: int
    uploader_name: str
    patient_id: int | None
    study_id: int | None
    series_id: int | None
    modality: str | None
    body_part: str | None
    study_date: str | None
    description: str | None
    status: str
    status_reason: str | None
    upload_progress: int
    is_chunked: bool
    total_chunks: int | None
    uploaded_chunks: str | None
    duplicate_of: int | None
    created_at: datetime
    updated_at: datetime
    uploaded_at: datetime | None
    is_deleted: bool
    deleted_at: datetime | None
    deleted_by: int | None


Item = TypeVar("Item")


class Page(BaseModel, Generic[Item]):
    total: int
    page: int
    page_size: int
    items: list[Item]


# ---- who asks ----

SECRET_KEY = os.environ["SECRET_KEY"]
oauth2_scheme = OAuth2PasswordBearer(tokenUrl="/api/v1/auth/token")


def get_session():
    with SessionLocal() as session:
        yield session


Database = Annotated[Session, Depends(get_session)]


def get_current_user(session: Database, token: Annotated[str, Depends(oauth2_scheme)]) -> User:
    try:
        user_id = int(jwt.decode(token, SECRET_KEY, algorithms=["HS256"])["sub"])
    except (jwt.InvalidTokenError, KeyError, ValueError):
        raise HTTPException(status.HTTP_401_UNAUTHORIZED, "not signed in", headers={"WWW-Authenticate": "Bearer"})
    user = session.get(User, user_id)
    if user is None or user.deleted_at is not None or user.status != "ACTIVE":
        raise HTTPException(status.HTTP_401_UNAUTHORIZED, "not signed in", headers={"WWW-Authenticate": "Bearer"})
    return user


CurrentUser = Annotated[User, Depends(get_current_user)]

# ---- endpoints ----

app = FastAPI(title="peer")


@app.get("/health/live")
def live() -> dict[str, str]:
    return {"status": "ok"}


@app.get("/api/v1/image-files/my-images", response_model=Page[ImageFileOut])
def my_images(
    user: CurrentUser,
    session: Database,
    page: Annotated[int, Query(ge=1)] = 1,
    page_size: Annotated[int, Query(ge=1, le=100)] = 20,
):
    mine = select(ImageFile).where(ImageFile.uploaded_by == user.id, ImageFile.is_deleted == False)  # noqa: E712
    total = session.scalar(select(func.count()).select_from(mine.subquery()))
    rows = session.scalars(
        mine.options(joinedload(ImageFile.uploader))
        .order_by(ImageFile.created_at.desc(), ImageFile.id.desc())
        .offset((page - 1) * page_size)
        .limit(page_size)
    )
    return {"total": total, "page": page, "page_size": page_size, "items": rows.all()}


@app.get("/api/v1/image-files/{file_id}", response_model=ImageFileOut)
def image_file(file_id: int, user: CurrentUser, session: Database):
    row = session.scalar(
        select(ImageFile)
        .options(joinedload(ImageFile.uploader))
        .where(ImageFile.id == file_id, ImageFile.is_deleted == False)  # noqa: E712
    )
    if row is None or row.uploaded_by != user.id:
        raise HTTPException(status.HTTP_404_NOT_FOUND, "no such image file")
    return row
